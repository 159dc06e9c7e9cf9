// The door of this room: what any operator needs around its decisions.
//
//   queue, controller  keys, workers, outcomes
//   turns              one thread for work, probes and the lease
//   event-loop         whether that thread keeps up
//   clock              real and virtual time, CPU time
//   metrics, logging, health, lifecycle, memory

export { cpuMillis, systemClock, VirtualClock } from './clock.ts';
export type { Clock, TimerHandle } from './clock.ts';
export { Controller, done, requeueAfter, retry, terminal, TerminalError } from './controller.ts';
export type { ControllerObserver, ControllerOptions, Outcome, ReconcileResult } from './controller.ts';
export { EventLoopWatch } from './event-loop.ts';
export type { EventLoopWatchOptions } from './event-loop.ts';
export { BindError, listenOn, HealthServer, parseAddress } from './health.ts';
export type { HealthCheck, HealthServerOptions } from './health.ts';
export { Lifecycle } from './lifecycle.ts';
export type { LifecycleOptions, LifecycleState, ProcessPort } from './lifecycle.ts';
export { createLogger, describeError, logFormats, logLevels, silentLogger } from './logging.ts';
export type { LogFields, LogFormat, Logger, LoggingOptions, LogLevel } from './logging.ts';
export { favourMemory } from './memory.ts';
export { Metrics } from './metrics.ts';
export type { MetricsOptions } from './metrics.ts';
export { WorkQueue } from './queue.ts';
export type { Priority, QueueObserver, WorkQueueOptions } from './queue.ts';
export { Turns } from './turns.ts';
