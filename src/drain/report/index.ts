// The door of this folder: which results are reported, in which shards, as which objects.
export { MANAGED_BY_LABEL, readReport, reportObject, type ReportApi, type ReportRecord } from './objects.ts';
export {
  isViolation,
  REPORT_SOURCE,
  resultsOf,
  type ReportedEntry,
  type ReportedWorkload,
  type ReportResult,
  type WorkloadResults,
} from './results.ts';
export {
  jsonBytes,
  LARGEST_REPORT_BYTES,
  reportName,
  reportNumber,
  shardCountOf,
  shardsOf,
  type ReportSummary,
  type Shard,
  type Sharding,
} from './shards.ts';
