// olm runs every validator of the Operator Lifecycle Manager on the bundle in a folder, and prints what they say. It ends with 1
// where one calls it an error.
package main

import (
	"fmt"
	"os"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
)

func main() {
	bundle, err := manifests.GetBundleFromDir(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	objects := bundle.ObjectsToValidate()
	// The validators of OperatorHub go on from what the others may not have checked.
	objects = append(objects, map[string]string{"k8s-version": "1.36"})
	failed := false
	for _, result := range validation.AllValidators.Validate(objects...) {
		failed = failed || result.HasError()
		for _, finding := range append(result.Errors, result.Warnings...) {
			fmt.Println(finding)
		}
	}
	if failed {
		os.Exit(1)
	}
}
