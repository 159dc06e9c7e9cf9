// kstatus reads objects as JSON, one a line, and prints for each what kstatus makes of it: its status and message.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sig "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	decoder := json.NewDecoder(os.Stdin)
	for {
		var object json.RawMessage
		if err := decoder.Decode(&object); err == io.EOF {
			return
		} else if err != nil {
			fail(err)
		}
		// Numbers become int64 this way, as in a client's cache.
		resource := &unstructured.Unstructured{}
		if err := resource.UnmarshalJSON(object); err != nil {
			fail(err)
		}
		a, err := sig.Compute(resource)
		if err != nil {
			fail(err)
		}
		b, err := flux.Compute(resource)
		if err != nil {
			fail(err)
		}
		line, err := json.Marshal(map[string]string{"kstatus": string(a.Status), "flux": string(b.Status), "message": a.Message})
		if err != nil {
			fail(err)
		}
		fmt.Println(string(line))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
