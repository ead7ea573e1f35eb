package main

import (
	"bytes"
	"encoding"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed52a35d2d/realtime-server/internal/backend"
)

// command is what stands on the command line.
type command struct {
	configFile  string
	printConfig bool
	version     bool
	settings    []setting
}

// setting is one value for one key of the configuration, and where it came
// from.
type setting struct{ key, value, from string }

// shorthands are the flags that stand for a key of the configuration. Every
// other key is set with --set.
var shorthands = []struct{ flag, key, help string }{
	{"http", "http.listen", "`address` for browsers (127.0.0.1:3000)"},
	{"grpc", "grpc.listen", "`address` for backends (127.0.0.1:50051)"},
	{"admin", "admin.listen", "`address` for operators (127.0.0.1:8081)"},
	{"backend", "backend.target", "gRPC `address` of your RealtimeBackend"},
	{"log-level", "log.level", "least `level` that is logged: debug, info, warn or error"},
	{"log-format", "log.format", "`format` of the log: text or json"},
}

// parseCommand reads the command line.
func parseCommand(args []string, stderr io.Writer) (*command, error) {
	cmd := &command{}
	flags := flag.NewFlagSet("realtime-server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cmd.configFile, "config", "", "YAML `file`")
	flags.BoolVar(&cmd.printConfig, "print-config", false, "print the configuration that is in force, without secrets, and exit")
	flags.BoolVar(&cmd.version, "version", false, "print the version and exit")
	flags.BoolFunc("dev", "for development: open, on loopback, with a demo page", func(value string) error {
		cmd.settings = append(cmd.settings, setting{"dev", value, "--dev"})
		return nil
	})
	for _, s := range shorthands {
		flags.Func(s.flag, s.help, func(value string) error {
			cmd.settings = append(cmd.settings, setting{s.key, value, "--" + s.flag})
			return nil
		})
	}
	flags.Func("set", "`key=value` for any key of the configuration, for example socketio.ping_interval=10s", func(pair string) error {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return errors.New("wants key=value")
		}
		cmd.settings = append(cmd.settings, setting{key, value, "--set " + key})
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return cmd, nil
}

// loadConfig lays file, environment and command line over the defaults, in
// this order, and reports every fault of all of them.
func loadConfig(cmd *command, environ []string) (*Config, error) {
	cfg := defaultConfig()
	if cmd.configFile != "" {
		data, err := os.ReadFile(cmd.configFile)
		if err == nil {
			err = decodeStrictly(data, cfg)
		}
		if err != nil { // without the file, faults of the rest would say little
			return nil, fmt.Errorf("%s: %w", cmd.configFile, err)
		}
	}
	var faults []error
	keys := configKeys(reflect.TypeFor[Config](), "")
	fromEnv, err := envSettings(environ, keys)
	faults = append(faults, err)
	for _, s := range append(fromEnv, cmd.settings...) {
		if err := s.apply(cfg, keys); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", s.from, err))
		}
	}
	cfg.complete()
	return cfg, errors.Join(append(faults, cfg.Validate())...)
}

// decodeStrictly refuses keys that the configuration does not have.
func decodeStrictly(data []byte, cfg *Config) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(cfg); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("has more than one YAML document")
	}
	return nil
}

// configKeys lists the keys of a struct by their path, with their types.
func configKeys(t reflect.Type, prefix string) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		path := prefix + name
		switch {
		case name == "-":
		case options == "inline":
			maps.Copy(keys, configKeys(field.Type, prefix))
		case field.Type.Kind() == reflect.Struct && !field.Type.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
			maps.Copy(keys, configKeys(field.Type, path+"."))
		default:
			keys[path] = field.Type
		}
	}
	return keys
}

const envPrefix = "REALTIME_"

// envName is the environment variable of a key.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// serviceVariable matches what Kubernetes puts into the environment for a
// Service whose name begins with "realtime".
var serviceVariable = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// envSettings finds the settings of the environment. A variable with our
// prefix and no key is a fault: it is most likely misspelt.
func envSettings(environ []string, keys map[string]reflect.Type) ([]setting, error) {
	byName := map[string]string{}
	for key := range keys {
		byName[envName(key)] = key
	}
	var settings []setting
	var faults []error
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		key, known := byName[name]
		switch {
		case known:
			settings = append(settings, setting{key, value, name})
		case !serviceVariable.MatchString(name):
			faults = append(faults, fmt.Errorf("%s: there is no such setting", name))
		}
	}
	return settings, errors.Join(faults...)
}

// apply lays one value over the configuration, as if it stood in a file.
func (s setting) apply(cfg *Config, keys map[string]reflect.Type) error {
	t, known := keys[s.key]
	if !known {
		return fmt.Errorf("there is no key %q", s.key)
	}
	value, err := valueNode(s.value, t)
	if err != nil {
		return err
	}
	node := value
	for _, name := range slices.Backward(strings.Split(s.key, ".")) {
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: name}, node}}
	}
	data, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	err = decodeStrictly(data, cfg)
	if err != nil && (t == reflect.TypeFor[map[string]string]() || t.Kind() == reflect.Map && value.Kind != yaml.MappingNode) {
		return errors.New("wants a map such as {name: value}") // the decoder's words quote what may be a secret
	}
	return err
}

// valueNode reads a value for a type: text as it stands; a list also as a,b,c;
// maps and lists in the flow style of YAML.
func valueNode(value string, t reflect.Type) (*yaml.Node, error) {
	list := t.Kind() == reflect.Slice
	switch {
	case t.Kind() == reflect.Map || list && strings.HasPrefix(value, "["):
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(value), &document); err != nil {
			return nil, err
		}
		if len(document.Content) == 1 {
			return document.Content[0], nil
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
	case list:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: item})
			}
		}
		return node, nil
	case t.Kind() == reflect.String:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value}, nil
	}
}

// printConfig writes the configuration without its secrets.
func printConfig(w io.Writer, cfg *Config) error {
	public := *cfg
	public.Backend.Metadata = maskValues(cfg.Backend.Metadata)
	public.Redis.Password, public.Redis.SentinelPassword = mask(cfg.Redis.Password), mask(cfg.Redis.SentinelPassword)
	public.Backends = maps.Clone(cfg.Backends)
	for name, b := range public.Backends {
		public.Backends[name] = withoutSecrets(b)
	}
	public.Namespaces = maps.Clone(cfg.Namespaces)
	for name, n := range public.Namespaces {
		if n.Backend != nil {
			n.Backend = withoutSecrets(n.Backend)
			public.Namespaces[name] = n
		}
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	return errors.Join(encoder.Encode(public), encoder.Close())
}

func withoutSecrets(b *backend.Config) *backend.Config {
	hidden := *b
	hidden.Metadata = maskValues(b.Metadata)
	return &hidden
}

// mask hides a secret, and shows that there is none.
func mask(secret string) string {
	if secret == "" {
		return ""
	}
	return masked
}

// maskValues hides metadata, which may hold tokens.
func maskValues(m map[string]string) map[string]string {
	hidden := maps.Clone(m)
	for key := range hidden {
		hidden[key] = masked
	}
	return hidden
}
