// Command controllers runs those of Kubernetes' own controllers that tests and demo need, from the packages that
// kube-controller-manager itself runs them from and with its defaults. kube-controller-manager also holds the
// controllers of nodes, volumes and devices, and with them most of a kubelet and of a scheduler: three hundred packages
// to compile that nothing here runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
	_ "time/tzdata" // CronJobs name time zones, and not every machine has them.

	"k8s.io/apimachinery/pkg/api/meta"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/version"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
)

const (
	// resync is how often informers say again what they know; kube-controller-manager takes 12 to 24 hours.
	resync = 18 * time.Hour
	// refresh is how often kinds are looked up anew: definitions come and go.
	refresh = 30 * time.Second
)

// manager is what controllers are made from.
type manager struct {
	config     *rest.Config
	typed      informers.SharedInformerFactory
	any        informerfactory.InformerFactory
	metadata   metadata.Interface
	mapper     *restmapper.DeferredDiscoveryRESTMapper
	started    chan struct{}
	rootCA     []byte
	privateKey string
}

// as gives a copy of the configuration for the controller of that name. kube-controller-manager's own name comes first:
// the API server takes the field manager from there.
func (m *manager) as(name string) *rest.Config {
	config := rest.CopyConfig(m.config)
	config.UserAgent = fmt.Sprintf("kube-controller-manager/%s (%s/%s)/%s", version.Get().GitVersion, runtime.GOOS, runtime.GOARCH, name)
	return config
}

func (m *manager) client(name string) (*kubernetes.Clientset, error) {
	return kubernetes.NewForConfig(m.as(name))
}

func newManager(ctx context.Context, kubeconfig, rootCAFile, privateKey string) (*manager, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.ContentType = k8sruntime.ContentTypeProtobuf
	config.QPS, config.Burst = 500, 1000
	m := &manager{config: config, started: make(chan struct{}), privateKey: privateKey}
	if m.rootCA, err = os.ReadFile(rootCAFile); err != nil {
		return nil, err
	}
	client, err := m.client("shared-informers")
	if err != nil {
		return nil, err
	}
	if m.metadata, err = metadata.NewForConfig(m.as("metadata-informers")); err != nil {
		return nil, err
	}
	m.typed = informers.NewSharedInformerFactoryWithOptions(client, resync, informers.WithTransform(trim))
	m.any = informerfactory.NewInformerFactory(m.typed,
		metadatainformer.NewSharedInformerFactoryWithOptions(m.metadata, resync, metadatainformer.WithTransform(trim)))
	m.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	go wait.UntilWithContext(ctx, func(context.Context) { m.mapper.Reset() }, refresh)
	return m, nil
}

// trim drops what no controller reads, and what is half of many objects.
func trim(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

func run(ctx context.Context, m *manager) error {
	var loops []loop
	for _, controller := range controllers {
		made, err := controller.make(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", controller.name, err)
		}
		loops = append(loops, made...)
	}
	m.any.Start(ctx.Done())
	close(m.started)
	var all sync.WaitGroup
	for _, loop := range loops {
		all.Go(func() { loop(ctx) })
	}
	all.Wait()
	return nil
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	rootCAFile := flag.String("root-ca-file", "", "certificates that pods are given to trust")
	privateKey := flag.String("service-account-private-key-file", "", "key that tokens of service accounts are signed with")
	klog.InitFlags(nil)
	flag.Parse()
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	ctx := context.Background()
	m, err := newManager(ctx, *kubeconfig, *rootCAFile, *privateKey)
	if err == nil {
		err = run(ctx, m)
	}
	if err != nil {
		klog.ErrorS(err, "controllers end")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
}
