import type { Workload } from '../../../drain/model/workload.ts';
import { workloadKey } from '../../../drain/model/workload.ts';
import { ownObstacle } from '../../../drain/rollout/obstacle.ts';
import { DEFAULT_APPLICATION } from '../../../drain/timeline/application.ts';
import { drawSvg } from '../../../drain/timeline/draw/index.ts';
import { errorText, oneLine, type KubeClient } from '../../../kube/index.ts';
import { timelinesOf } from '../../explain/explanation.ts';
import { judge, type JudgeContext } from '../../facts/judge.ts';
import { costOf } from '../../plan/model.ts';
import { costText } from '../../plan/text.ts';
import { lookBack } from '../../verify/look.ts';
import { recordLine } from '../../verify/text.ts';
import type { WorkloadDetail } from '../wire.ts';
import { rowOf } from './rows.ts';

const LOOK_BACK_MS = 86_400_000;
const MOST_TERMINATIONS = 20;

/** All that is said of one workload. Asks the API server for its pods and their Events. */
export async function detailOf(workload: Workload, context: JudgeContext, client: KubeClient): Promise<WorkloadDetail> {
  const judgement = judge(workload, context);
  const { decision, findings, settings } = judgement;
  const { records, gaps } = await lookBack({
    client,
    workload,
    mesh: context.facts.mesh,
    namespace: context.facts.namespace(workload.namespace),
    since: Date.now() - LOOK_BACK_MS,
  }).catch((error: unknown) => ({
    records: [],
    gaps: [`how its pods ended cannot be read: ${oneLine(errorText(error))}`],
  }));
  return {
    row: rowOf(judgement),
    proxy: settings.proxy.because,
    pods: workload.rollout.replicas,
    svg: drawSvg(timelinesOf(judgement, { application: DEFAULT_APPLICATION }), {
      title: `How a pod of ${workloadKey(workload)} ends`,
      embedStyle: false,
    }),
    findings: findings.map(({ code, severity, message, action }) => ({ code, severity, message, action })),
    changes: (decision?.changes ?? []).map(({ path, before, after, why }) => ({ path, before, after, why })),
    obstacle: decision?.outcome === 'Pending' ? ownObstacle(workload)?.because : undefined,
    looksAgainAt: decision?.notBefore === undefined ? undefined : new Date(decision.notBefore * 1000).toISOString(),
    cost: decision?.after === undefined ? undefined : costText(costOf(decision.before, decision.after)),
    terminations: records.slice(-MOST_TERMINATIONS).map(recordLine),
    gaps,
  };
}
