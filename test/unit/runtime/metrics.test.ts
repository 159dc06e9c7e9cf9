import { describe, expect, it } from '@jest/globals';
import { Metrics, VirtualClock, WorkQueue } from '../../../src/runtime/index.ts';

async function sample(metrics: Metrics, line: string): Promise<number | undefined> {
  const found = (await metrics.text()).split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

describe('Metrics', () => {
  it.each([
    'workqueue_depth',
    'workqueue_adds_total',
    'workqueue_queue_duration_seconds',
    'workqueue_work_duration_seconds',
    'workqueue_retries_total',
    'workqueue_unfinished_work_seconds',
    'workqueue_longest_running_processor_seconds',
    'controller_runtime_reconcile_total',
    'controller_runtime_reconcile_errors_total',
    'controller_runtime_reconcile_time_seconds',
    'controller_runtime_active_workers',
    'controller_runtime_max_concurrent_reconciles',
    'leader_election_master_status',
    'rest_client_requests_total',
    'rest_client_request_duration_seconds',
    'process_cpu_seconds_total',
  ])('%s is there under the name that dashboards know', async (name) => {
    expect(await new Metrics().text()).toContain(`# TYPE ${name} `);
  });

  it('says how a queue is doing', async () => {
    const clock = new VirtualClock();
    const metrics = new Metrics({ processMetrics: false });
    const queue = new WorkQueue({ name: 'workload', clock });
    metrics.watchQueue(queue);
    const labels = '{name="workload",controller="workload"}';
    expect(await sample(metrics, `workqueue_retries_total${labels}`)).toBe(0);

    queue.add('a');
    queue.add('b');
    queue.add('b');
    await clock.advance(2_000);
    await queue.take();
    await clock.advance(3_000);
    queue.addRateLimited('c');

    expect(await sample(metrics, `workqueue_adds_total${labels}`)).toBe(2);
    expect(await sample(metrics, `workqueue_depth${labels}`)).toBe(1);
    expect(await sample(metrics, `workqueue_unfinished_work_seconds${labels}`)).toBe(3);
    expect(await sample(metrics, `workqueue_longest_running_processor_seconds${labels}`)).toBe(3);
    expect(await sample(metrics, `workqueue_retries_total${labels}`)).toBe(1);
    expect(await sample(metrics, `workqueue_queue_duration_seconds_sum${labels}`)).toBe(2);

    queue.done('a');
    expect(await sample(metrics, `workqueue_work_duration_seconds_sum${labels}`)).toBe(3);
    expect(await sample(metrics, `workqueue_unfinished_work_seconds${labels}`)).toBe(0);
  });

  it('says how a controller is doing', async () => {
    const metrics = new Metrics({ processMetrics: false });
    const observer = metrics.controllerObserver('workload', 4);
    for (const result of ['success', 'requeue_after', 'error', 'error'] as const) {
      observer.onStart();
      observer.onEnd(result, 0.5, false);
    }
    observer.onStart();
    observer.onEnd('error', 0.5, true);
    observer.onStart();

    expect(await sample(metrics, 'controller_runtime_reconcile_total{controller="workload",result="success"}')).toBe(1);
    expect(await sample(metrics, 'controller_runtime_reconcile_total{controller="workload",result="error"}')).toBe(3);
    expect(await sample(metrics, 'controller_runtime_reconcile_errors_total{controller="workload"}')).toBe(3);
    expect(await sample(metrics, 'controller_runtime_terminal_reconcile_errors_total{controller="workload"}')).toBe(1);
    expect(await sample(metrics, 'controller_runtime_reconcile_time_seconds_count{controller="workload"}')).toBe(5);
    expect(await sample(metrics, 'controller_runtime_active_workers{controller="workload"}')).toBe(1);
    expect(await sample(metrics, 'controller_runtime_max_concurrent_reconciles{controller="workload"}')).toBe(4);
  });

  it('says how the API server answers, and who leads', async () => {
    const metrics = new Metrics({ processMetrics: false });
    const observe = metrics.requestObserver('10.0.0.1:6443');
    observe({ verb: 'patch', method: 'PATCH', resource: 'deployments.apps', code: '409', seconds: 0.1 });
    observe({ verb: 'patch', method: 'PATCH', resource: 'deployments.apps', code: '409', seconds: 0.2 });
    metrics.setLeader('operator', true);
    metrics.reflectorMetrics.onTornStream?.('deployments.apps');

    expect(
      await sample(
        metrics,
        'rest_client_requests_total{code="409",method="PATCH",host="10.0.0.1:6443",resource="deployments.apps"}',
      ),
    ).toBe(2);
    expect(await sample(metrics, 'rest_client_request_duration_seconds_count{verb="patch",host="10.0.0.1:6443"}')).toBe(
      2,
    );
    expect(await sample(metrics, 'leader_election_master_status{name="operator"}')).toBe(1);
    expect(await sample(metrics, 'reflector_torn_streams_total{resource="deployments.apps"}')).toBe(1);
    metrics.setLeader('operator', false);
    expect(await sample(metrics, 'leader_election_master_status{name="operator"}')).toBe(0);
  });

  it('of two instances do not meet', async () => {
    const [one, two] = [new Metrics({ processMetrics: false }), new Metrics({ processMetrics: false })];
    one.setLeader('operator', true);
    expect(await sample(two, 'leader_election_master_status{name="operator"}')).toBeUndefined();
  });
});
