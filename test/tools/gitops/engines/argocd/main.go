// argocd compares one object, read as JSON, with the live one and syncs it, with Argo CD's own engine and the options of its
// application controller. It prints whether it saw a difference, and what came of the sync.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube"
	typed "github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube/scheme"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/tracing"
	"github.com/argoproj/argo-cd/v3/util/argo/managedfields"
	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const manager = "argocd-controller"

type settings struct {
	compareOnly bool
	serverSide  bool
	replace     bool
	trusted     string
}

type report struct {
	OutOfSync bool   `json:"outOfSync"`
	Phase     string `json:"phase,omitempty"`
	Message   string `json:"message,omitempty"`
}

func main() {
	var given settings
	flag.BoolVar(&given.compareOnly, "compare", false, "compare only")
	flag.BoolVar(&given.serverSide, "server-side", false, "the sync option ServerSideApply=true")
	flag.BoolVar(&given.replace, "replace", false, "the sync option Replace=true")
	flag.StringVar(&given.trusted, "trusted", "", "a manager of managedFieldsManagers, with RespectIgnoreDifferences=true")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := run(ctx, given)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}

func run(ctx context.Context, given settings) (*report, error) {
	target, err := read(os.Stdin)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	live, err := client.Resource(target.GroupVersionKind().GroupVersion().WithResource("deployments")).
		Namespace(target.GetNamespace()).Get(ctx, target.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return nil, err
	}
	expected, actual := target, live
	if given.trusted != "" && live != nil {
		kind := typed.ResolveParseableType(live.GroupVersionKind(), nil)
		if actual, expected, err = managedfields.Normalize(live, target, []string{given.trusted}, kind); err != nil {
			return nil, err
		}
		if target, err = respected(live, actual, expected); err != nil {
			return nil, err
		}
	}
	compared, err := diff.Diff(ctx, expected, actual, diff.WithManager(manager), diff.WithLogr(logr.Discard()))
	if err != nil {
		return nil, err
	}
	result := &report{OutOfSync: compared.Modified}
	if given.compareOnly {
		return result, nil
	}
	result.Phase, result.Message, err = syncOne(ctx, config, target, live, given)
	return result, err
}

// respected is what RespectIgnoreDifferences=true has applied: the manifest without what the rule leaves out, and in its place
// what the live object has there.
func respected(live, withoutLive, withoutTarget *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	schema, err := scheme.Scheme.New(live.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	patch, err := difference(withoutLive, live, schema)
	if err != nil {
		return nil, err
	}
	text, err := withoutTarget.MarshalJSON()
	if err != nil {
		return nil, err
	}
	patched, err := strategicpatch.StrategicMergePatch(text, patch, schema)
	if err != nil {
		return nil, err
	}
	merged := &unstructured.Unstructured{}
	return merged, merged.UnmarshalJSON(patched)
}

func difference(from, to *unstructured.Unstructured, schema any) ([]byte, error) {
	a, err := from.MarshalJSON()
	if err != nil {
		return nil, err
	}
	b, err := to.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(a, b, schema)
}

func syncOne(ctx context.Context, config *rest.Config, target, live *unstructured.Unstructured, given settings) (string, string, error) {
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	objects := sync.ReconciliationResult{Target: []*unstructured.Unstructured{target}, Live: []*unstructured.Unstructured{live}}
	running, cleanup, err := sync.NewSyncContext("revision", objects, config, config, kubectl, target.GetNamespace(),
		sync.WithLogr(logr.Discard()),
		sync.WithManifestValidation(true),
		sync.WithReplace(given.replace),
		sync.WithServerSideApply(given.serverSide),
		sync.WithServerSideApplyManager(manager),
	)
	if err != nil {
		return "", "", err
	}
	defer cleanup()
	for {
		running.Sync(ctx)
		phase, message, results := running.GetState()
		// Applied is enough: that pods are healthy is not waited for.
		if phase.Completed() || applied(results) {
			return string(phase), message, nil
		}
		select {
		case <-ctx.Done():
			return "", "", errors.New("the sync did not end")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func applied(results []common.ResourceSyncResult) bool {
	return len(results) == 1 && results[0].Status == common.ResultCodeSynced
}

func read(input io.Reader) (*unstructured.Unstructured, error) {
	text, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(text)
}
