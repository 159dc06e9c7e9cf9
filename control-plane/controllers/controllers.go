package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/cronjob"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	quota "k8s.io/kubernetes/pkg/quota/v1/install"
	tokens "k8s.io/kubernetes/pkg/serviceaccount"
	resourcemetrics "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
)

type loop = func(context.Context)

// workers is how many objects a controller works on at once, where nothing else is said: kube-controller-manager's default.
const workers = 5

// Without node-lifecycle: nobody renews leases for nodes without kubelets, and it would taint them.
var controllers = []struct {
	name string
	make func(context.Context, *manager) ([]loop, error)
}{
	{"serviceaccount-token-controller", newTokens},
	{"serviceaccount-controller", newServiceAccounts},
	{"root-ca-certificate-publisher-controller", newRootCA},
	{"deployment-controller", newDeployments},
	{"replicaset-controller", newReplicaSets},
	{"statefulset-controller", newStatefulSets},
	{"daemonset-controller", newDaemonSets},
	{"job-controller", newJobs},
	{"cronjob-controller", newCronJobs},
	{"namespace-controller", newNamespaces},
	{"garbage-collector-controller", newGarbageCollector},
	{"disruption-controller", newDisruption},
	{"resourcequota-controller", newQuotas},
	{"horizontal-pod-autoscaler-controller", newAutoscaler},
	{"endpointslice-controller", newEndpointSlices},
	{"clusterrole-aggregation-controller", newClusterRoles},
}

// with makes one loop of a controller that works on so many objects at once.
func with(run func(context.Context, int), workers int) []loop {
	return []loop{func(ctx context.Context) { run(ctx, workers) }}
}

func newTokens(ctx context.Context, m *manager) ([]loop, error) {
	key, err := keyutil.PrivateKeyFromFile(m.privateKey)
	if err != nil {
		return nil, err
	}
	generator, err := tokens.JWTTokenGenerator(tokens.LegacyIssuer, key)
	if err != nil {
		return nil, err
	}
	client, err := m.client("tokens-controller")
	if err != nil {
		return nil, err
	}
	core := m.typed.Core().V1()
	options := serviceaccount.TokensControllerOptions{TokenGenerator: generator, RootCA: m.rootCA}
	made, err := serviceaccount.NewTokensController(klog.FromContext(ctx), core.ServiceAccounts(), core.Secrets(), client, options)
	if err != nil {
		return nil, err
	}
	return with(made.Run, workers), nil
}

func newServiceAccounts(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("service-account-controller")
	if err != nil {
		return nil, err
	}
	core := m.typed.Core().V1()
	options := serviceaccount.DefaultServiceAccountsControllerOptions()
	made, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(), client, options)
	if err != nil {
		return nil, err
	}
	return with(made.Run, 1), nil
}

func newRootCA(_ context.Context, m *manager) ([]loop, error) {
	client, err := m.client("root-ca-cert-publisher")
	if err != nil {
		return nil, err
	}
	core := m.typed.Core().V1()
	made, err := rootcacertpublisher.NewPublisher(core.ConfigMaps(), core.Namespaces(), client, m.rootCA)
	if err != nil {
		return nil, err
	}
	return with(made.Run, 1), nil
}

func newDeployments(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("deployment-controller")
	if err != nil {
		return nil, err
	}
	apps := m.typed.Apps().V1()
	made, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), m.typed.Core().V1().Pods(), client)
	if err != nil {
		return nil, err
	}
	// Twice the default: tests roll many at once.
	return with(made.Run, 2*workers), nil
}

func newReplicaSets(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("replicaset-controller")
	if err != nil {
		return nil, err
	}
	made := replicaset.NewReplicaSetController(ctx, m.typed.Apps().V1().ReplicaSets(), m.typed.Core().V1().Pods(), client, replicaset.BurstReplicas)
	return with(made.Run, 2*workers), nil
}

func newStatefulSets(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("statefulset-controller")
	if err != nil {
		return nil, err
	}
	core, apps := m.typed.Core().V1(), m.typed.Apps().V1()
	made := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), client)
	return with(made.Run, workers), nil
}

func newDaemonSets(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("daemon-set-controller")
	if err != nil {
		return nil, err
	}
	core, apps := m.typed.Core().V1(), m.typed.Apps().V1()
	backoff := flowcontrol.NewBackOff(time.Second, 15*time.Minute)
	made, err := daemon.NewDaemonSetsController(ctx, apps.DaemonSets(), apps.ControllerRevisions(), core.Pods(), core.Nodes(), client, backoff)
	if err != nil {
		return nil, err
	}
	return with(made.Run, 2), nil
}

func newJobs(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("job-controller")
	if err != nil {
		return nil, err
	}
	// The two informers that are left out belong to the feature gate WorkloadWithJob, which is off.
	made, err := job.NewController(ctx, client, m.typed.Core().V1().Pods(), m.typed.Batch().V1().Jobs(), nil, nil)
	if err != nil {
		return nil, err
	}
	return with(made.Run, workers), nil
}

func newCronJobs(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("cronjob-controller")
	if err != nil {
		return nil, err
	}
	batch := m.typed.Batch().V1()
	made, err := cronjob.NewControllerV2(ctx, batch.Jobs(), batch.CronJobs(), client)
	if err != nil {
		return nil, err
	}
	return with(made.Run, workers), nil
}

func newNamespaces(ctx context.Context, m *manager) ([]loop, error) {
	config := m.as("namespace-controller")
	// It looks up all kinds and deletes object by object.
	config.QPS *= 20
	config.Burst *= 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	made := namespace.NewNamespaceController(ctx, client, objects, client.Discovery().ServerPreferredNamespacedResources,
		m.typed.Core().V1().Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes)
	return with(made.Run, 10), nil
}

func newGarbageCollector(ctx context.Context, m *manager) ([]loop, error) {
	config := m.as("generic-garbage-collector")
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	// Each deletion is two requests.
	config.QPS *= 2
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	graph := garbagecollector.NewDependencyGraphBuilder(ctx, m.metadata, m.mapper, garbagecollector.DefaultIgnoredResources(), m.any, m.started)
	made, err := garbagecollector.NewComposedGarbageCollector(ctx, client, objects, m.mapper, graph)
	if err != nil {
		return nil, err
	}
	return []loop{
		func(ctx context.Context) { made.Run(ctx, 20, refresh) },
		func(ctx context.Context) { made.Sync(ctx, client.Discovery(), refresh) },
	}, nil
}

func newDisruption(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("disruption-controller")
	if err != nil {
		return nil, err
	}
	scales, err := newScales(m, "disruption-controller", client)
	if err != nil {
		return nil, err
	}
	core, apps := m.typed.Core().V1(), m.typed.Apps().V1()
	made := disruption.NewDisruptionController(ctx, core.Pods(), m.typed.Policy().V1().PodDisruptionBudgets(), core.ReplicationControllers(),
		apps.ReplicaSets(), apps.Deployments(), apps.StatefulSets(), client, m.mapper, scales, client.Discovery())
	return []loop{made.Run}, nil
}

func newScales(m *manager, name string, client kubernetes.Interface) (scale.ScalesGetter, error) {
	return scale.NewForConfig(m.as(name), m.mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
}

func newQuotas(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("resourcequota-controller")
	if err != nil {
		return nil, err
	}
	configuration, err := quota.NewQuotaConfigurationForControllers(generic.ListerFuncForResourceFunc(m.typed.ForResource), m.typed)
	if err != nil {
		return nil, err
	}
	kinds := client.Discovery().ServerPreferredNamespacedResources
	made, err := resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
		QuotaClient:               client.CoreV1(),
		ResourceQuotaInformer:     m.typed.Core().V1().ResourceQuotas(),
		ResyncPeriod:              controller.StaticResyncPeriodFunc(5 * time.Minute),
		InformerFactory:           m.any,
		ReplenishmentResyncPeriod: controller.StaticResyncPeriodFunc(resync),
		DiscoveryFunc:             kinds,
		IgnoredResourcesFunc:      configuration.IgnoredResources,
		InformersStarted:          m.started,
		Registry:                  generic.NewRegistry(configuration.Evaluators()),
		UpdateFilter:              quota.DefaultUpdateFilter(),
	})
	if err != nil {
		return nil, err
	}
	return []loop{
		func(ctx context.Context) { made.Run(ctx, workers) },
		func(ctx context.Context) { made.Sync(ctx, kinds, refresh) },
	}, nil
}

func newAutoscaler(ctx context.Context, m *manager) ([]loop, error) {
	const name, period = "horizontal-pod-autoscaler", 15 * time.Second
	config := m.as(name)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	scales, err := newScales(m, name, client)
	if err != nil {
		return nil, err
	}
	resources, err := resourcemetrics.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	external, err := external_metrics.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	versions := custom_metrics.NewAvailableAPIsGetter(client.Discovery())
	made := podautoscaler.NewHorizontalController(ctx, client.CoreV1(), scales, client.AutoscalingV2(), m.mapper,
		metrics.NewRESTMetricsClient(resources, custom_metrics.NewForConfig(config, m.mapper, versions), external),
		m.typed.Autoscaling().V2().HorizontalPodAutoscalers(), m.typed.Core().V1().Pods(),
		period, 5*time.Minute, 0.1, 5*time.Minute, 30*time.Second)
	return []loop{
		func(ctx context.Context) { custom_metrics.PeriodicallyInvalidate(versions, period, ctx.Done()) },
		func(ctx context.Context) { made.Run(ctx, workers) },
	}, nil
}

func newEndpointSlices(ctx context.Context, m *manager) ([]loop, error) {
	client, err := m.client("endpointslice-controller")
	if err != nil {
		return nil, err
	}
	core := m.typed.Core().V1()
	made := endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(), m.typed.Discovery().V1().EndpointSlices(), 100, client, 0)
	return with(made.Run, workers), nil
}

func newClusterRoles(_ context.Context, m *manager) ([]loop, error) {
	client, err := m.client("clusterrole-aggregation-controller")
	if err != nil {
		return nil, err
	}
	made := clusterroleaggregation.NewClusterRoleAggregation(m.typed.Rbac().V1().ClusterRoles(), client.RbacV1())
	return with(made.Run, workers), nil
}
