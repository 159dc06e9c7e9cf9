// flux applies one object, read as JSON, the way a Flux Kustomization does: with Flux's own server-side apply and the options of
// kustomize-controller 1.10.1. It prints what that did to the object: created, configured, unchanged.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	manager = "kustomize-controller"
	group   = "kustomize.toolkit.fluxcd.io"
)

func main() {
	var ignored []string
	flag.Func("ignore", "a JSON pointer of spec.ignore; may be repeated", func(path string) error {
		ignored = append(ignored, path)
		return nil
	})
	flag.Parse()
	if err := run(context.Background(), ignored); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, ignored []string) error {
	object, err := read(os.Stdin)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	kube, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	objects := []*unstructured.Unstructured{object}
	resources := ssa.NewResourceManager(kube, nil, ssa.Owner{Field: manager, Group: group})
	resources.SetOwnerLabels(objects, "apps", "flux-system")
	if err := normalize.UnstructuredList(objects); err != nil {
		return err
	}
	changes, err := resources.ApplyAllStaged(ctx, objects, options(ignored))
	if err != nil {
		return err
	}
	for _, change := range changes.Entries {
		fmt.Println(change.Action)
	}
	return nil
}

// options are those that the controller sets where a Kustomization says nothing but its path.
func options(ignored []string) ssa.ApplyOptions {
	options := ssa.DefaultApplyOptions()
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{"kubectl.kubernetes.io/last-applied-configuration"},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: manager, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	if len(ignored) > 0 {
		options.DriftIgnoreRules = []jsondiff.IgnoreRule{{Paths: ignored}}
	}
	return options
}

func read(input io.Reader) (*unstructured.Unstructured, error) {
	text, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(text)
}
