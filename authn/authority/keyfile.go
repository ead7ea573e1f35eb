package authority

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// ParseKeys reads a file of API keys by their names. An empty file is a fault:
// most likely somebody is writing it.
func ParseKeys(data []byte) (map[string]Key, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("is empty")
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one YAML document")
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode { // the decoder's words would quote what may be a secret
		return nil, errors.New("wants a map such as {name: key}")
	}
	var keys map[string]Key
	if err := top.Decode(&keys); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("has no keys")
	}
	return keys, nil
}
