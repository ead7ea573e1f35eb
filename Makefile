# The two commands are `make run` and `make test`; `make check` is what a
# reviewer would ask for. Every target installs what it needs, below .tools/
# and node_modules/, or with apt where only the system has it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOLS := $(CURDIR)/.tools
BIN   := $(CURDIR)/bin
export GOTOOLCHAIN := local

CLIENT := cmd/realtime-server/client
SERVER := $(BIN)/realtime-server

# Every tool has a folder with its version in the name, so that another version
# is another file.
GOLANGCI := $(TOOLS)/golangci-lint-v2.15.0/golangci-lint
BUF      := $(TOOLS)/buf-1.75.0/node_modules/.bin/buf
PROTOC   := $(TOOLS)/protoc-gen-go-v1.36.12/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc-v1.6.2/protoc-gen-go-grpc
GRPCURL  := $(TOOLS)/grpcurl-v1.9.4/grpcurl

empty :=
PROTOC_PATH := $(subst $(empty) ,:,$(patsubst %/,%,$(dir $(PROTOC))))

.PHONY: help
help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 24

## Building and running

.PHONY: run
run: build ## Start the server for development: page on :3000, API on :50051, operators on :8081.
	@exec $(SERVER) --dev $(ARGS)

.PHONY: build
build: $(CLIENT)/dist/version ## Build bin/realtime-server.
	@go build -trimpath -o $(SERVER) ./cmd/realtime-server

# The stock client, for the demo page and http.serve_client. Without it the page
# and the server say so, and all else works: a machine without npm still gets
# its server.
$(CLIENT)/dist/version: $(CLIENT)/package-lock.json $(CLIENT)/bundle.mjs
	@echo "make: fetching the Socket.IO client" >&2
	@if cd $(CLIENT) && npm ci --loglevel=error --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000; then \
	  node bundle.mjs; \
	else echo "make: no Socket.IO client in this build: npm failed" >&2; fi

.PHONY: example-chat-go example-chat-node
example-chat-go: build examples/chat/node_modules/.installed ## Run the chat with its backend in Go.
	@TEST_SERVER_BIN=$(SERVER) exec examples/chat/run.sh go
example-chat-node: build examples/chat/node_modules/.installed ## Run the chat with its backend in Node.
	@TEST_SERVER_BIN=$(SERVER) exec examples/chat/run.sh node

## Testing

.PHONY: test
test: test-go test-node ## Install what is needed and run every test.

.PHONY: test-go
test-go: build examples/chat/node_modules/.installed test/cluster/node_modules/.installed bench/peers/node/node_modules/.installed .tools/cc .tools/redis
	@TEST_SERVER_BIN=$(SERVER) go test -race -timeout 8m ./...
	@TEST_EVENT_LOOP=false go test -race -timeout 8m ./sio/...
	@cd bench/peers && go test -timeout 5m ./...

# What also depends on how bytes come and go, and runs a second time without the
# event loop. Who authenticates, and what nodes tell each other, does not.
TRANSPORTS := {acks,client,compression,connect,cors,dialects,disconnect,door,eio3,engine,faults,hardening,limits,options,order,recovery,relay,rooms,server-acks,shutdown,timers,values}

.PHONY: test-node
test-node: build test/node_modules/.installed test/cluster/node_modules/.installed .tools/chromium .tools/redis
	@cd test && TEST_SERVER_BIN=$(SERVER) npm test --silent
	@cd test && TEST_EVENT_LOOP=false TEST_SERVER_BIN=$(SERVER) npm run tests --silent -- interop/$(TRANSPORTS).test.mjs

.PHONY: capture
capture: test/cluster/node_modules/.installed .tools/redis ## Write down anew what Node's servers say over Redis; review the difference.
	@cd test/cluster && node capture.mjs $(CURDIR)/sio/nodewire/testdata
	@go test ./sio/nodewire -run TestCaptured -update

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m).
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),1m) $$package; \
	  done; \
	done

# Renews docs/benchmarks.md, its chart and bench/results.
.PHONY: bench
bench: build bench/peers/node/node_modules/.installed ## Measure the server beside others (a quarter of an hour; BENCH='-rounds 1' for one round).
	@TEST_SERVER_BIN=$(SERVER) go test ./bench/load -count=1 -v -run 'TestLoad/Hold'
	@TEST_SERVER_BIN=$(SERVER) go test ./bench/compare -count=1 -timeout 90m -v -run TestCompare -full -peers -write -rounds 3 $(BENCH)

# Renews docs/scaling.md, its chart and bench/results.
.PHONY: bench-cluster
bench-cluster: build bench/peers/node/node_modules/.installed .tools/redis ## Measure several servers on one Redis beside Node's (five minutes; BENCH='-rounds 1' for one round).
	@TEST_SERVER_BIN=$(SERVER) go test ./bench/cluster -count=1 -timeout 60m -v -run TestCluster -full -write -rounds 3 $(BENCH)

# Renews a section of docs/benchmarks.md.
.PHONY: bench-storm
bench-storm: build ## Measure 5,000 clients that come back at once to a backend that answers 200 a second (three minutes).
	@TEST_SERVER_BIN=$(SERVER) go test ./bench/storm -count=1 -timeout 15m -v -run TestStorm -full -write $(BENCH)

%/node_modules/.installed: %/package-lock.json
	@cd $* && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

# What only the system has. The race detector needs a C compiler.
APT := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq

.tools/chromium:
	@mkdir -p .tools
	@command -v chromium >/dev/null || { $(APT) chromium >/dev/null; }
	@touch $@

.tools/redis:
	@mkdir -p .tools
	@command -v redis-server >/dev/null || { $(APT) redis-server >/dev/null; }
	@touch $@

.tools/cc:
	@mkdir -p .tools
	@command -v gcc >/dev/null || { $(APT) gcc libc6-dev >/dev/null; }
	@touch $@

## Checking

.PHONY: check
check: check-format check-proto check-generated lint check-walls ## Lint, format, generated code, import walls.

.PHONY: check-format
check-format: $(GOLANGCI)
	@$(GOLANGCI) fmt --diff

.PHONY: lint
lint: $(GOLANGCI)
	@$(GOLANGCI) config verify
	@$(GOLANGCI) run ./...

.PHONY: check-proto
check-proto: $(BUF)
	@$(BUF) lint
	@$(BUF) format --diff --exit-code

.PHONY: check-generated
check-generated: $(BUF) $(PROTOC)
	@rm -rf .tools/fresh && mkdir -p .tools/fresh
	@PATH="$(PROTOC_PATH):$$PATH" $(BUF) generate --output .tools/fresh
	@diff -r gen .tools/fresh/gen || { echo "make: gen/ is stale: run make generate" >&2; exit 1; }
	@go mod tidy -diff

.PHONY: check-walls
check-walls:
	@go test -run TestWalls .

.PHONY: generate
generate: $(BUF) $(PROTOC) ## Generate gen/ from proto/.
	@PATH="$(PROTOC_PATH):$$PATH" $(BUF) generate

.PHONY: format
format: $(GOLANGCI) $(BUF) ## Format Go and proto files.
	@$(GOLANGCI) fmt
	@$(BUF) format -w

## Tools

# install puts a Go program into the folder of its target.
install = GOBIN=$(@D) go install $(1)

$(GOLANGCI):
	@echo "make: installing golangci-lint (some minutes, once)" >&2
	@$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0)

$(TOOLS)/protoc-gen-go-v%/protoc-gen-go:
	@$(call install,google.golang.org/protobuf/cmd/protoc-gen-go@v$*)

$(TOOLS)/protoc-gen-go-grpc-v%/protoc-gen-go-grpc:
	@$(call install,google.golang.org/grpc/cmd/protoc-gen-go-grpc@v$*)

$(BUF):
	@npm install --loglevel=error --no-audit --no-fund --no-save --prefix $(TOOLS)/buf-1.75.0 @bufbuild/buf@1.75.0 >/dev/null

.PHONY: grpcurl
grpcurl: $(GRPCURL) ## Install grpcurl as .tools/bin/grpcurl.
	@mkdir -p $(TOOLS)/bin && ln -sf $(<:$(TOOLS)/%=../%) $(TOOLS)/bin/grpcurl
	@echo 'installed .tools/bin/grpcurl; to have it in reach: export PATH="$$PWD/.tools/bin:$$PATH"'
$(GRPCURL):
	@$(call install,github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4)

.PHONY: clean
clean: ## Remove what was built and installed here.
	@rm -rf bin .tools $(CLIENT)/dist/*
	@find . -name node_modules -type d -prune -exec rm -rf {} +
