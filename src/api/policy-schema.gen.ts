// Generated from crds/sidecardrain.io_sidecardrainpolicies.yaml, crds/sidecardrain.io_namespacedsidecardrainpolicies.yaml, crds/sidecardrain.io_drainexemptions.yaml by npm run generate. Do not edit.
import { parsePolicyDuration } from './duration.ts';
import type { Schema } from './schema.ts';

export const sidecarDrainPolicySchema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    apiVersion: {
      type: "string",
    },
    kind: {
      type: "string",
    },
    metadata: {
      type: "object",
    },
    spec: {
      type: "object",
      required: ["match","drain"],
      properties: {
        enforcement: {
          type: "string",
          enum: ["Audit","Enforce"],
          default: "Audit",
        },
        suspend: {
          type: "boolean",
          default: false,
        },
        priority: {
          type: "integer",
          format: "int32",
          default: 0,
          minimum: -1000,
          maximum: 1000,
        },
        match: {
          type: "object",
          required: ["namespaceSelector"],
          properties: {
            namespaceSelector: {
              type: "object",
              properties: {
                matchLabels: {
                  type: "object",
                  maxProperties: 64,
                  additionalProperties: {
                    type: "string",
                    maxLength: 63,
                  },
                  rules: [
                    {
                      holds: (self) => Object.keys(self).length > 0,
                      message: () => "matchLabels is empty, and a label without a value (drain:) counts as absent: write at least one label with its value, or remove matchLabels",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                matchExpressions: {
                  type: "array",
                  maxItems: 32,
                  listType: "atomic",
                  items: {
                    type: "object",
                    required: ["key","operator"],
                    properties: {
                      key: {
                        type: "string",
                        minLength: 1,
                        maxLength: 317,
                      },
                      operator: {
                        type: "string",
                        enum: ["In","NotIn","Exists","DoesNotExist"],
                      },
                      values: {
                        type: "array",
                        maxItems: 64,
                        listType: "atomic",
                        items: {
                          type: "string",
                          maxLength: 63,
                        },
                      },
                    },
                    rules: [
                      {
                        holds: (self) => !(["In", "NotIn"].includes(self.operator)) || ((self.values !== undefined) && Object.keys(self.values).length > 0),
                        message: () => "operators In and NotIn need values: write at least one, or use operator Exists or DoesNotExist",
                        reason: "FieldValueRequired",
                        fieldPath: ".values",
                      },
                      {
                        holds: (self) => ["In", "NotIn"].includes(self.operator) || !(self.values !== undefined) || Object.keys(self.values).length === 0,
                        message: () => "operators Exists and DoesNotExist have no values: remove values, or use operator In or NotIn",
                        reason: "FieldValueForbidden",
                        fieldPath: ".values",
                      },
                    ],
                  },
                },
              },
            },
            workloadSelector: {
              type: "object",
              properties: {
                matchLabels: {
                  type: "object",
                  maxProperties: 64,
                  additionalProperties: {
                    type: "string",
                    maxLength: 63,
                  },
                  rules: [
                    {
                      holds: (self) => Object.keys(self).length > 0,
                      message: () => "matchLabels is empty, and a label without a value (drain:) counts as absent: write at least one label with its value, or remove matchLabels",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                matchExpressions: {
                  type: "array",
                  maxItems: 32,
                  listType: "atomic",
                  items: {
                    type: "object",
                    required: ["key","operator"],
                    properties: {
                      key: {
                        type: "string",
                        minLength: 1,
                        maxLength: 317,
                      },
                      operator: {
                        type: "string",
                        enum: ["In","NotIn","Exists","DoesNotExist"],
                      },
                      values: {
                        type: "array",
                        maxItems: 64,
                        listType: "atomic",
                        items: {
                          type: "string",
                          maxLength: 63,
                        },
                      },
                    },
                    rules: [
                      {
                        holds: (self) => !(["In", "NotIn"].includes(self.operator)) || ((self.values !== undefined) && Object.keys(self.values).length > 0),
                        message: () => "operators In and NotIn need values: write at least one, or use operator Exists or DoesNotExist",
                        reason: "FieldValueRequired",
                        fieldPath: ".values",
                      },
                      {
                        holds: (self) => ["In", "NotIn"].includes(self.operator) || !(self.values !== undefined) || Object.keys(self.values).length === 0,
                        message: () => "operators Exists and DoesNotExist have no values: remove values, or use operator In or NotIn",
                        reason: "FieldValueForbidden",
                        fieldPath: ".values",
                      },
                    ],
                  },
                },
              },
            },
            kinds: {
              type: "array",
              default: ["Deployment","StatefulSet"],
              minItems: 1,
              maxItems: 16,
              listType: "set",
              items: {
                type: "string",
                maxLength: 126,
              },
              rules: [
                {
                  holds: (self) => self.every((kind: string) => new RegExp("^[A-Z][A-Za-z0-9]*([.][a-z0-9][-.a-z0-9]*)?$").test(kind)),
                  message: () => "write kinds as in manifests, for example Deployment or CronJob: an upper-case letter, then letters and digits; and of a second group StatefulSet.apps.kruise.io",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            names: {
              type: "array",
              minItems: 1,
              maxItems: 64,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 253,
              },
            },
            revisions: {
              type: "array",
              minItems: 1,
              maxItems: 16,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 63,
              },
            },
            proxies: {
              type: "array",
              default: ["Sidecar"],
              minItems: 1,
              maxItems: 2,
              listType: "set",
              items: {
                type: "string",
                enum: ["Sidecar","Gateway"],
              },
            },
          },
        },
        drain: {
          type: "object",
          required: ["mode"],
          properties: {
            mode: {
              type: "string",
              enum: ["Fixed","Adaptive","Combined"],
            },
            duration: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "duration must be longer than 0s: write the length of your longest request, for example 60s",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            maxWait: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "maxWait must be longer than 0s: write the longest time that a termination may take, for example 5m",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            endpointDelay: {
              type: "string",
              default: "5s",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            strategy: {
              type: "string",
              enum: ["Auto","ActiveConnections","PreStopHook"],
            },
            hook: {
              type: "string",
              enum: ["EstablishedConnections","ActiveRequests","Custom"],
            },
            lifecycle: {
              type: "object",
              required: ["preStop"],
              properties: {
                preStop: {
                  type: "object",
                  properties: {
                    exec: {
                      type: "object",
                      required: ["command"],
                      properties: {
                        command: {
                          type: "array",
                          minItems: 1,
                          maxItems: 64,
                          items: {
                            type: "string",
                            maxLength: 16384,
                          },
                        },
                      },
                    },
                    sleep: {
                      type: "object",
                      required: ["seconds"],
                      properties: {
                        seconds: {
                          type: "integer",
                          format: "int64",
                          minimum: 1,
                          maximum: 86400,
                        },
                      },
                    },
                  },
                  rules: [
                    {
                      holds: (self) => ((self.exec !== undefined) && !(self.sleep !== undefined)) || (!(self.exec !== undefined) && (self.sleep !== undefined)),
                      message: () => "a handler is one of exec and sleep: write for example exec: {command: [/bin/sh, -c, \"sleep 20\"]}",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                postStart: {
                  type: "object",
                  properties: {
                    exec: {
                      type: "object",
                      required: ["command"],
                      properties: {
                        command: {
                          type: "array",
                          minItems: 1,
                          maxItems: 64,
                          items: {
                            type: "string",
                            maxLength: 16384,
                          },
                        },
                      },
                    },
                    sleep: {
                      type: "object",
                      required: ["seconds"],
                      properties: {
                        seconds: {
                          type: "integer",
                          format: "int64",
                          minimum: 1,
                          maximum: 86400,
                        },
                      },
                    },
                  },
                  rules: [
                    {
                      holds: (self) => ((self.exec !== undefined) && !(self.sleep !== undefined)) || (!(self.exec !== undefined) && (self.sleep !== undefined)),
                      message: () => "a handler is one of exec and sleep: write for example exec: {command: [/bin/sh, -c, \"sleep 20\"]}",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
              },
            },
            application: {
              type: "string",
              enum: ["Leave","Delay"],
              default: "Leave",
            },
            environment: {
              type: "string",
              enum: ["Annotation","ProxyConfig"],
              default: "Annotation",
            },
            drainDuration: {
              type: "string",
              enum: ["Leave","Follow"],
              default: "Leave",
            },
          },
          rules: [
            {
              holds: (self) => self.mode !== "Fixed" || (self.duration !== undefined),
              message: () => "mode Fixed needs duration: write how long requests in flight get, for example duration: 60s",
              reason: "FieldValueRequired",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.maxWait !== undefined),
              message: () => "mode Fixed always drains for duration and has no maxWait: remove maxWait, or write mode: Combined",
              reason: "FieldValueForbidden",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.strategy !== undefined),
              message: () => "mode Fixed has no strategy, because it does not look at connections: remove strategy, or write mode: Adaptive or mode: Combined",
              reason: "FieldValueForbidden",
              fieldPath: ".strategy",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.hook !== undefined),
              message: () => "mode Fixed has no hook: remove hook, or write mode: Adaptive or mode: Combined with strategy: PreStopHook",
              reason: "FieldValueForbidden",
              fieldPath: ".hook",
            },
            {
              holds: (self) => self.mode !== "Fixed" || self.environment !== "ProxyConfig",
              message: () => "mode Fixed sets no environment variable, and a ProxyConfig resource cannot hold a duration: remove environment",
              reason: "FieldValueForbidden",
              fieldPath: ".environment",
            },
            {
              holds: (self) => self.mode !== "Adaptive" || !(self.duration !== undefined),
              message: () => "mode Adaptive has no duration: write mode: Combined for a floor, or remove duration",
              reason: "FieldValueForbidden",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Adaptive" || (self.maxWait !== undefined),
              message: () => "mode Adaptive needs maxWait: write the longest time that a termination may take, for example maxWait: 5m",
              reason: "FieldValueRequired",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Combined" || (self.duration !== undefined),
              message: () => "mode Combined needs duration, its floor: write for example duration: 60s, or write mode: Adaptive",
              reason: "FieldValueRequired",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Combined" || (self.maxWait !== undefined),
              message: () => "mode Combined needs maxWait, its ceiling: write for example maxWait: 5m, or write mode: Fixed",
              reason: "FieldValueRequired",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Combined" || !(self.duration !== undefined) || !(self.maxWait !== undefined) || ![self.duration, self.maxWait].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.maxWait) >= parsePolicyDuration(self.duration),
              message: (self) => "maxWait " + self.maxWait + " is the ceiling and must not be shorter than duration " + self.duration + ", the floor: write maxWait: " + self.duration + " or longer, or shorten duration",
              reason: "FieldValueInvalid",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode === "Fixed" || !(self.hook !== undefined) || ((self.strategy !== undefined) && self.strategy === "PreStopHook"),
              message: () => "hook says what strategy PreStopHook waits for: write strategy: PreStopHook, or remove hook",
              reason: "FieldValueForbidden",
              fieldPath: ".hook",
            },
            {
              holds: (self) => !(self.hook !== undefined) || self.hook !== "Custom" || (self.lifecycle !== undefined),
              message: () => "hook Custom needs lifecycle: write lifecycle.preStop as in a pod template",
              reason: "FieldValueRequired",
              fieldPath: ".lifecycle",
            },
            {
              holds: (self) => !(self.lifecycle !== undefined) || ((self.hook !== undefined) && self.hook === "Custom"),
              message: () => "lifecycle is the hook of hook Custom: write hook: Custom, or remove lifecycle",
              reason: "FieldValueForbidden",
              fieldPath: ".lifecycle",
            },
            {
              holds: (self) => self.mode === "Fixed" || self.environment !== "ProxyConfig" || !(self.strategy !== undefined) || self.strategy !== "PreStopHook",
              message: () => "strategy PreStopHook sets no environment variable, so there is nothing to put into a ProxyConfig resource: remove environment, or write strategy: ActiveConnections",
              reason: "FieldValueForbidden",
              fieldPath: ".environment",
            },
          ],
        },
        proxy: {
          type: "object",
          default: {},
          properties: {
            form: {
              type: "string",
              enum: ["Keep","Native"],
              default: "Keep",
            },
            holdApplicationUntilProxyStarts: {
              type: "string",
              enum: ["Keep","Enabled"],
              default: "Keep",
            },
          },
        },
        gracePeriod: {
          type: "object",
          default: {},
          properties: {
            change: {
              type: "string",
              enum: ["RaiseOnly","Never"],
              default: "RaiseOnly",
            },
            margin: {
              type: "string",
              default: "5s",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) >= parsePolicyDuration("1s"),
                  message: () => "margin must be at least 1s, or the kubelet kills the proxy in the moment it ends: write for example margin: 5s",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            maximum: {
              type: "string",
              default: "10m",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
              ],
            },
          },
        },
        conflicts: {
          type: "string",
          enum: ["Report","Force"],
          default: "Report",
        },
        delivery: {
          type: "string",
          enum: ["PodTemplate","Admission"],
          default: "PodTemplate",
        },
        rollout: {
          type: "object",
          default: {},
          properties: {
            strategy: {
              type: "string",
              enum: ["Waves","Immediate","OnNextRollout"],
              default: "Waves",
            },
            waves: {
              type: "object",
              properties: {
                maxConcurrent: {
                  type: "integer",
                  format: "int32",
                  default: 3,
                  minimum: 1,
                  maximum: 100,
                },
                maxPerNamespace: {
                  type: "integer",
                  format: "int32",
                  default: 1,
                  minimum: 1,
                  maximum: 100,
                },
                maxPods: {
                  type: "integer",
                  format: "int32",
                  default: 50,
                  minimum: 1,
                  maximum: 10000,
                },
                countTerminating: {
                  type: "boolean",
                  default: true,
                },
                canary: {
                  type: "integer",
                  format: "int32",
                  default: 1,
                  minimum: 0,
                  maximum: 100,
                },
                soak: {
                  type: "string",
                  default: "10m",
                  maxLength: 12,
                  rules: [
                    {
                      holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                      message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                      reason: "FieldValueInvalid",
                    },
                    {
                      holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) <= parsePolicyDuration("168h"),
                      message: () => "soak is at most 168h (a week): write for example soak: 10m",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                progressDeadline: {
                  type: "string",
                  default: "10m",
                  maxLength: 12,
                  rules: [
                    {
                      holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                      message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                      reason: "FieldValueInvalid",
                    },
                    {
                      holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || (parsePolicyDuration(self) >= parsePolicyDuration("5s") && parsePolicyDuration(self) <= parsePolicyDuration("24h")),
                      message: () => "progressDeadline is from 5s to 24h: write how long a rollout may take, for example 10m",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
              },
            },
            windows: {
              type: "array",
              maxItems: 8,
              listType: "atomic",
              items: {
                type: "object",
                required: ["schedule","duration"],
                properties: {
                  schedule: {
                    type: "string",
                    minLength: 1,
                    maxLength: 128,
                    rules: [
                      {
                        holds: (self) => new RegExp("^ *[^ ]+( +[^ ]+){4} *$").test(self),
                        message: () => "write the five fields of cron (minute, hour, day of month, month, day of week), for example 0 2 * * 1-5",
                        reason: "FieldValueInvalid",
                      },
                    ],
                  },
                  duration: {
                    type: "string",
                    maxLength: 12,
                    rules: [
                      {
                        holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                        message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                        reason: "FieldValueInvalid",
                      },
                      {
                        holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                        message: () => "duration must be longer than 0s: write how long the window stays open, for example 3h",
                        reason: "FieldValueInvalid",
                      },
                    ],
                  },
                  timeZone: {
                    type: "string",
                    default: "UTC",
                    minLength: 1,
                    maxLength: 64,
                  },
                },
              },
            },
            approval: {
              type: "string",
              enum: ["None","Required"],
              default: "None",
            },
          },
          rules: [
            {
              holds: (self) => self.strategy !== "Immediate" || !(self.waves !== undefined),
              message: () => "strategy Immediate has no waves: remove waves, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".waves",
            },
            {
              holds: (self) => self.strategy !== "OnNextRollout" || !(self.waves !== undefined),
              message: () => "strategy OnNextRollout restarts nothing, so there are no waves: remove waves, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".waves",
            },
            {
              holds: (self) => self.strategy !== "OnNextRollout" || !(self.approval !== undefined) || self.approval !== "Required",
              message: () => "strategy OnNextRollout restarts nothing that would need approval: remove approval, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".approval",
            },
          ],
        },
        onDelete: {
          type: "string",
          enum: ["Restore","Orphan"],
          default: "Restore",
        },
        tenants: {
          type: "string",
          enum: ["Forbid","Allow"],
          default: "Forbid",
        },
        bounds: {
          type: "object",
          properties: {
            longestDrain: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "longestDrain must be longer than 0s: write for example longestDrain: 5m, or remove it for no bound",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            longestGrace: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "longestGrace must be longer than 0s: write for example longestGrace: 10m, or remove it for no bound",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            modes: {
              type: "array",
              minItems: 1,
              maxItems: 3,
              listType: "set",
              items: {
                type: "string",
                enum: ["Fixed","Adaptive","Combined"],
              },
            },
            strategies: {
              type: "array",
              minItems: 1,
              maxItems: 3,
              listType: "set",
              items: {
                type: "string",
                enum: ["Auto","ActiveConnections","PreStopHook"],
              },
            },
            deliveries: {
              type: "array",
              minItems: 1,
              maxItems: 2,
              listType: "set",
              items: {
                type: "string",
                enum: ["PodTemplate","Admission"],
              },
            },
          },
          rules: [
            {
              holds: (self) => !(self.longestDrain !== undefined) || !(self.longestGrace !== undefined) || ![self.longestDrain, self.longestGrace].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.longestDrain) < parsePolicyDuration(self.longestGrace),
              message: () => "longestGrace must be longer than longestDrain, or no policy could use that drain: raise longestGrace or shorten longestDrain",
              reason: "FieldValueInvalid",
              fieldPath: ".longestGrace",
            },
          ],
        },
        exemptions: {
          type: "object",
          properties: {
            longest: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "longest must be longer than 0s: write for example longest: 720h, or remove it for no bound",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            namespaces: {
              type: "array",
              maxItems: 100,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 63,
                pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
              },
            },
          },
        },
      },
      rules: [
        {
          holds: (self) => self.delivery !== "Admission" || (self.rollout.strategy === "Waves" && !(self.rollout.waves !== undefined) && !(self.rollout.windows !== undefined) && self.rollout.approval !== "Required"),
          message: () => "delivery Admission changes no workload, so there is no rollout to bound: remove rollout, or write delivery: PodTemplate",
          reason: "FieldValueForbidden",
          fieldPath: ".rollout",
        },
        {
          holds: (self) => self.drain.application !== "Delay" || self.delivery === "Admission",
          message: () => "application Delay is put into pods as they are created: write delivery: Admission (it needs the admission webhook), or remove application",
          reason: "FieldValueInvalid",
          fieldPath: ".delivery",
        },
        {
          holds: (self) => self.delivery !== "Admission" || self.drain.environment !== "ProxyConfig",
          message: () => "delivery Admission puts the environment into each pod, without any resource: remove environment, or write delivery: PodTemplate",
          reason: "FieldValueForbidden",
          fieldPath: ".drain.environment",
        },
        {
          holds: (self) => self.rollout.approval !== "Required" || self.drain.environment !== "ProxyConfig",
          message: () => "with environment: ProxyConfig a plan is known only when that resource has been written, so there is nothing to approve before: write environment: Annotation, or approval: None",
          reason: "FieldValueForbidden",
          fieldPath: ".rollout.approval",
        },
        {
          holds: (self) => !(self.bounds !== undefined) || self.tenants === "Allow",
          message: () => "bounds are for namespaced policies, which tenants: Forbid keeps out altogether: write tenants: Allow, or remove bounds",
          reason: "FieldValueForbidden",
          fieldPath: ".bounds",
        },
        {
          holds: (self) => !(self.match.names !== undefined) || self.drain.environment !== "ProxyConfig",
          message: () => "a ProxyConfig resource selects pods by labels and cannot follow match.names: use match.workloadSelector instead of names, or write environment: Annotation",
          reason: "FieldValueForbidden",
          fieldPath: ".drain.environment",
        },
        {
          holds: (self) => self.drain.mode !== "Fixed" || !(self.drain.duration !== undefined) || ![self.drain.endpointDelay, self.drain.duration, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.duration) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + duration " + self.drain.duration + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + ": raise maximum or shorten duration",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
        {
          holds: (self) => self.drain.mode === "Fixed" || !(self.drain.maxWait !== undefined) || (self.drain.mode === "Combined" && (self.drain.strategy !== undefined) && self.drain.strategy === "PreStopHook") || ![self.drain.endpointDelay, self.drain.maxWait, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.maxWait) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + maxWait " + self.drain.maxWait + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + ": raise maximum or shorten maxWait",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
        {
          holds: (self) => self.drain.mode !== "Combined" || !(self.drain.duration !== undefined) || !(self.drain.maxWait !== undefined) || !(self.drain.strategy !== undefined) || self.drain.strategy !== "PreStopHook" || ![self.drain.endpointDelay, self.drain.maxWait, self.drain.duration, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.maxWait) + parsePolicyDuration(self.drain.duration) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + maxWait " + self.drain.maxWait + " + duration " + self.drain.duration + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + " (with strategy PreStopHook the hook and the drain behind it add up): raise maximum or shorten maxWait",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
      ],
    },
    status: {
      type: "object",
      default: {"observedGeneration":-1},
      properties: {
        observedGeneration: {
          type: "integer",
          format: "int64",
          minimum: -1,
        },
        planHash: {
          type: "string",
          maxLength: 16,
        },
        conditions: {
          type: "array",
          maxItems: 16,
          listType: "map",
          listMapKeys: ["type"],
          items: {
            type: "object",
            required: ["type","status","lastTransitionTime","reason","message"],
            properties: {
              type: {
                type: "string",
                maxLength: 316,
                pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
              },
              status: {
                type: "string",
                enum: ["True","False","Unknown"],
              },
              observedGeneration: {
                type: "integer",
                format: "int64",
                minimum: 0,
              },
              lastTransitionTime: {
                type: "string",
                format: "date-time",
              },
              reason: {
                type: "string",
                minLength: 1,
                maxLength: 1024,
                pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
              },
              message: {
                type: "string",
                maxLength: 32768,
              },
            },
          },
        },
        workloads: {
          type: "object",
          properties: {
            matched: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            compliant: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            updating: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            pending: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            nonCompliant: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            conflicted: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            exempt: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            overridden: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            unknown: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            failed: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
          },
        },
        rollout: {
          type: "object",
          required: ["phase","intent"],
          properties: {
            phase: {
              type: "string",
              enum: ["Canary","Soaking","Rolling","Halted","Done"],
            },
            intent: {
              type: "string",
              maxLength: 64,
            },
            since: {
              type: "string",
              format: "date-time",
            },
            healthySince: {
              type: "string",
              format: "date-time",
            },
            soaked: {
              type: "boolean",
            },
            haltedBy: {
              type: "object",
              required: ["workload","message"],
              properties: {
                workload: {
                  type: "string",
                  maxLength: 400,
                },
                message: {
                  type: "string",
                  maxLength: 1024,
                },
              },
            },
          },
        },
        nodeBudget: {
          type: "object",
          required: ["workloads","pods","seconds","from"],
          properties: {
            workloads: {
              type: "integer",
              format: "int32",
              minimum: 1,
            },
            pods: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            seconds: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            from: {
              type: "string",
              maxLength: 512,
            },
          },
        },
        attention: {
          type: "array",
          maxItems: 20,
          listType: "map",
          listMapKeys: ["namespace","kind","name"],
          items: {
            type: "object",
            required: ["namespace","kind","name","reason","message"],
            properties: {
              namespace: {
                type: "string",
                maxLength: 63,
              },
              kind: {
                type: "string",
                maxLength: 63,
              },
              name: {
                type: "string",
                maxLength: 253,
              },
              reason: {
                type: "string",
                maxLength: 128,
              },
              message: {
                type: "string",
                maxLength: 1024,
              },
            },
          },
        },
      },
    },
  },
};

export const namespacedSidecarDrainPolicySchema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    apiVersion: {
      type: "string",
    },
    kind: {
      type: "string",
    },
    metadata: {
      type: "object",
    },
    spec: {
      type: "object",
      required: ["drain"],
      properties: {
        enforcement: {
          type: "string",
          enum: ["Audit","Enforce"],
          default: "Audit",
        },
        suspend: {
          type: "boolean",
          default: false,
        },
        priority: {
          type: "integer",
          format: "int32",
          default: 0,
          minimum: -1000,
          maximum: 1000,
        },
        match: {
          type: "object",
          default: {},
          properties: {
            workloadSelector: {
              type: "object",
              properties: {
                matchLabels: {
                  type: "object",
                  maxProperties: 64,
                  additionalProperties: {
                    type: "string",
                    maxLength: 63,
                  },
                  rules: [
                    {
                      holds: (self) => Object.keys(self).length > 0,
                      message: () => "matchLabels is empty, and a label without a value (drain:) counts as absent: write at least one label with its value, or remove matchLabels",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                matchExpressions: {
                  type: "array",
                  maxItems: 32,
                  listType: "atomic",
                  items: {
                    type: "object",
                    required: ["key","operator"],
                    properties: {
                      key: {
                        type: "string",
                        minLength: 1,
                        maxLength: 317,
                      },
                      operator: {
                        type: "string",
                        enum: ["In","NotIn","Exists","DoesNotExist"],
                      },
                      values: {
                        type: "array",
                        maxItems: 64,
                        listType: "atomic",
                        items: {
                          type: "string",
                          maxLength: 63,
                        },
                      },
                    },
                    rules: [
                      {
                        holds: (self) => !(["In", "NotIn"].includes(self.operator)) || ((self.values !== undefined) && Object.keys(self.values).length > 0),
                        message: () => "operators In and NotIn need values: write at least one, or use operator Exists or DoesNotExist",
                        reason: "FieldValueRequired",
                        fieldPath: ".values",
                      },
                      {
                        holds: (self) => ["In", "NotIn"].includes(self.operator) || !(self.values !== undefined) || Object.keys(self.values).length === 0,
                        message: () => "operators Exists and DoesNotExist have no values: remove values, or use operator In or NotIn",
                        reason: "FieldValueForbidden",
                        fieldPath: ".values",
                      },
                    ],
                  },
                },
              },
            },
            kinds: {
              type: "array",
              default: ["Deployment","StatefulSet"],
              minItems: 1,
              maxItems: 16,
              listType: "set",
              items: {
                type: "string",
                maxLength: 126,
              },
              rules: [
                {
                  holds: (self) => self.every((kind: string) => new RegExp("^[A-Z][A-Za-z0-9]*([.][a-z0-9][-.a-z0-9]*)?$").test(kind)),
                  message: () => "write kinds as in manifests, for example Deployment or CronJob: an upper-case letter, then letters and digits; and of a second group StatefulSet.apps.kruise.io",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            names: {
              type: "array",
              minItems: 1,
              maxItems: 64,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 253,
              },
            },
            revisions: {
              type: "array",
              minItems: 1,
              maxItems: 16,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 63,
              },
            },
            proxies: {
              type: "array",
              default: ["Sidecar"],
              minItems: 1,
              maxItems: 2,
              listType: "set",
              items: {
                type: "string",
                enum: ["Sidecar","Gateway"],
              },
            },
          },
        },
        drain: {
          type: "object",
          required: ["mode"],
          properties: {
            mode: {
              type: "string",
              enum: ["Fixed","Adaptive","Combined"],
            },
            duration: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "duration must be longer than 0s: write the length of your longest request, for example 60s",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            maxWait: {
              type: "string",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                  message: () => "maxWait must be longer than 0s: write the longest time that a termination may take, for example 5m",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            endpointDelay: {
              type: "string",
              default: "5s",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            strategy: {
              type: "string",
              enum: ["Auto","ActiveConnections","PreStopHook"],
            },
            hook: {
              type: "string",
              enum: ["EstablishedConnections","ActiveRequests","Custom"],
            },
            lifecycle: {
              type: "object",
              required: ["preStop"],
              properties: {
                preStop: {
                  type: "object",
                  properties: {
                    exec: {
                      type: "object",
                      required: ["command"],
                      properties: {
                        command: {
                          type: "array",
                          minItems: 1,
                          maxItems: 64,
                          items: {
                            type: "string",
                            maxLength: 16384,
                          },
                        },
                      },
                    },
                    sleep: {
                      type: "object",
                      required: ["seconds"],
                      properties: {
                        seconds: {
                          type: "integer",
                          format: "int64",
                          minimum: 1,
                          maximum: 86400,
                        },
                      },
                    },
                  },
                  rules: [
                    {
                      holds: (self) => ((self.exec !== undefined) && !(self.sleep !== undefined)) || (!(self.exec !== undefined) && (self.sleep !== undefined)),
                      message: () => "a handler is one of exec and sleep: write for example exec: {command: [/bin/sh, -c, \"sleep 20\"]}",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                postStart: {
                  type: "object",
                  properties: {
                    exec: {
                      type: "object",
                      required: ["command"],
                      properties: {
                        command: {
                          type: "array",
                          minItems: 1,
                          maxItems: 64,
                          items: {
                            type: "string",
                            maxLength: 16384,
                          },
                        },
                      },
                    },
                    sleep: {
                      type: "object",
                      required: ["seconds"],
                      properties: {
                        seconds: {
                          type: "integer",
                          format: "int64",
                          minimum: 1,
                          maximum: 86400,
                        },
                      },
                    },
                  },
                  rules: [
                    {
                      holds: (self) => ((self.exec !== undefined) && !(self.sleep !== undefined)) || (!(self.exec !== undefined) && (self.sleep !== undefined)),
                      message: () => "a handler is one of exec and sleep: write for example exec: {command: [/bin/sh, -c, \"sleep 20\"]}",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
              },
            },
            application: {
              type: "string",
              enum: ["Leave","Delay"],
              default: "Leave",
            },
            environment: {
              type: "string",
              enum: ["Annotation","ProxyConfig"],
              default: "Annotation",
            },
            drainDuration: {
              type: "string",
              enum: ["Leave","Follow"],
              default: "Leave",
            },
          },
          rules: [
            {
              holds: (self) => self.mode !== "Fixed" || (self.duration !== undefined),
              message: () => "mode Fixed needs duration: write how long requests in flight get, for example duration: 60s",
              reason: "FieldValueRequired",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.maxWait !== undefined),
              message: () => "mode Fixed always drains for duration and has no maxWait: remove maxWait, or write mode: Combined",
              reason: "FieldValueForbidden",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.strategy !== undefined),
              message: () => "mode Fixed has no strategy, because it does not look at connections: remove strategy, or write mode: Adaptive or mode: Combined",
              reason: "FieldValueForbidden",
              fieldPath: ".strategy",
            },
            {
              holds: (self) => self.mode !== "Fixed" || !(self.hook !== undefined),
              message: () => "mode Fixed has no hook: remove hook, or write mode: Adaptive or mode: Combined with strategy: PreStopHook",
              reason: "FieldValueForbidden",
              fieldPath: ".hook",
            },
            {
              holds: (self) => self.mode !== "Fixed" || self.environment !== "ProxyConfig",
              message: () => "mode Fixed sets no environment variable, and a ProxyConfig resource cannot hold a duration: remove environment",
              reason: "FieldValueForbidden",
              fieldPath: ".environment",
            },
            {
              holds: (self) => self.mode !== "Adaptive" || !(self.duration !== undefined),
              message: () => "mode Adaptive has no duration: write mode: Combined for a floor, or remove duration",
              reason: "FieldValueForbidden",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Adaptive" || (self.maxWait !== undefined),
              message: () => "mode Adaptive needs maxWait: write the longest time that a termination may take, for example maxWait: 5m",
              reason: "FieldValueRequired",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Combined" || (self.duration !== undefined),
              message: () => "mode Combined needs duration, its floor: write for example duration: 60s, or write mode: Adaptive",
              reason: "FieldValueRequired",
              fieldPath: ".duration",
            },
            {
              holds: (self) => self.mode !== "Combined" || (self.maxWait !== undefined),
              message: () => "mode Combined needs maxWait, its ceiling: write for example maxWait: 5m, or write mode: Fixed",
              reason: "FieldValueRequired",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode !== "Combined" || !(self.duration !== undefined) || !(self.maxWait !== undefined) || ![self.duration, self.maxWait].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.maxWait) >= parsePolicyDuration(self.duration),
              message: (self) => "maxWait " + self.maxWait + " is the ceiling and must not be shorter than duration " + self.duration + ", the floor: write maxWait: " + self.duration + " or longer, or shorten duration",
              reason: "FieldValueInvalid",
              fieldPath: ".maxWait",
            },
            {
              holds: (self) => self.mode === "Fixed" || !(self.hook !== undefined) || ((self.strategy !== undefined) && self.strategy === "PreStopHook"),
              message: () => "hook says what strategy PreStopHook waits for: write strategy: PreStopHook, or remove hook",
              reason: "FieldValueForbidden",
              fieldPath: ".hook",
            },
            {
              holds: (self) => !(self.hook !== undefined) || self.hook !== "Custom" || (self.lifecycle !== undefined),
              message: () => "hook Custom needs lifecycle: write lifecycle.preStop as in a pod template",
              reason: "FieldValueRequired",
              fieldPath: ".lifecycle",
            },
            {
              holds: (self) => !(self.lifecycle !== undefined) || ((self.hook !== undefined) && self.hook === "Custom"),
              message: () => "lifecycle is the hook of hook Custom: write hook: Custom, or remove lifecycle",
              reason: "FieldValueForbidden",
              fieldPath: ".lifecycle",
            },
            {
              holds: (self) => self.mode === "Fixed" || self.environment !== "ProxyConfig" || !(self.strategy !== undefined) || self.strategy !== "PreStopHook",
              message: () => "strategy PreStopHook sets no environment variable, so there is nothing to put into a ProxyConfig resource: remove environment, or write strategy: ActiveConnections",
              reason: "FieldValueForbidden",
              fieldPath: ".environment",
            },
          ],
        },
        proxy: {
          type: "object",
          default: {},
          properties: {
            form: {
              type: "string",
              enum: ["Keep","Native"],
              default: "Keep",
            },
            holdApplicationUntilProxyStarts: {
              type: "string",
              enum: ["Keep","Enabled"],
              default: "Keep",
            },
          },
        },
        gracePeriod: {
          type: "object",
          default: {},
          properties: {
            change: {
              type: "string",
              enum: ["RaiseOnly","Never"],
              default: "RaiseOnly",
            },
            margin: {
              type: "string",
              default: "5s",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
                {
                  holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) >= parsePolicyDuration("1s"),
                  message: () => "margin must be at least 1s, or the kubelet kills the proxy in the moment it ends: write for example margin: 5s",
                  reason: "FieldValueInvalid",
                },
              ],
            },
            maximum: {
              type: "string",
              default: "10m",
              maxLength: 12,
              rules: [
                {
                  holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                  message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                  reason: "FieldValueInvalid",
                },
              ],
            },
          },
        },
        conflicts: {
          type: "string",
          enum: ["Report","Force"],
          default: "Report",
        },
        delivery: {
          type: "string",
          enum: ["PodTemplate","Admission"],
          default: "PodTemplate",
        },
        rollout: {
          type: "object",
          default: {},
          properties: {
            strategy: {
              type: "string",
              enum: ["Waves","Immediate","OnNextRollout"],
              default: "Waves",
            },
            waves: {
              type: "object",
              properties: {
                maxConcurrent: {
                  type: "integer",
                  format: "int32",
                  default: 3,
                  minimum: 1,
                  maximum: 100,
                },
                maxPerNamespace: {
                  type: "integer",
                  format: "int32",
                  default: 1,
                  minimum: 1,
                  maximum: 100,
                },
                maxPods: {
                  type: "integer",
                  format: "int32",
                  default: 50,
                  minimum: 1,
                  maximum: 10000,
                },
                countTerminating: {
                  type: "boolean",
                  default: true,
                },
                canary: {
                  type: "integer",
                  format: "int32",
                  default: 1,
                  minimum: 0,
                  maximum: 100,
                },
                soak: {
                  type: "string",
                  default: "10m",
                  maxLength: 12,
                  rules: [
                    {
                      holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                      message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                      reason: "FieldValueInvalid",
                    },
                    {
                      holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) <= parsePolicyDuration("168h"),
                      message: () => "soak is at most 168h (a week): write for example soak: 10m",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                progressDeadline: {
                  type: "string",
                  default: "10m",
                  maxLength: 12,
                  rules: [
                    {
                      holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                      message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                      reason: "FieldValueInvalid",
                    },
                    {
                      holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || (parsePolicyDuration(self) >= parsePolicyDuration("5s") && parsePolicyDuration(self) <= parsePolicyDuration("24h")),
                      message: () => "progressDeadline is from 5s to 24h: write how long a rollout may take, for example 10m",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
              },
            },
            windows: {
              type: "array",
              maxItems: 8,
              listType: "atomic",
              items: {
                type: "object",
                required: ["schedule","duration"],
                properties: {
                  schedule: {
                    type: "string",
                    minLength: 1,
                    maxLength: 128,
                    rules: [
                      {
                        holds: (self) => new RegExp("^ *[^ ]+( +[^ ]+){4} *$").test(self),
                        message: () => "write the five fields of cron (minute, hour, day of month, month, day of week), for example 0 2 * * 1-5",
                        reason: "FieldValueInvalid",
                      },
                    ],
                  },
                  duration: {
                    type: "string",
                    maxLength: 12,
                    rules: [
                      {
                        holds: (self) => self !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self),
                        message: () => "write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)",
                        reason: "FieldValueInvalid",
                      },
                      {
                        holds: (self) => self === "" || !new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(self) || parsePolicyDuration(self) > parsePolicyDuration("0s"),
                        message: () => "duration must be longer than 0s: write how long the window stays open, for example 3h",
                        reason: "FieldValueInvalid",
                      },
                    ],
                  },
                  timeZone: {
                    type: "string",
                    default: "UTC",
                    minLength: 1,
                    maxLength: 64,
                  },
                },
              },
            },
            approval: {
              type: "string",
              enum: ["None","Required"],
              default: "None",
            },
          },
          rules: [
            {
              holds: (self) => self.strategy !== "Immediate" || !(self.waves !== undefined),
              message: () => "strategy Immediate has no waves: remove waves, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".waves",
            },
            {
              holds: (self) => self.strategy !== "OnNextRollout" || !(self.waves !== undefined),
              message: () => "strategy OnNextRollout restarts nothing, so there are no waves: remove waves, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".waves",
            },
            {
              holds: (self) => self.strategy !== "OnNextRollout" || !(self.approval !== undefined) || self.approval !== "Required",
              message: () => "strategy OnNextRollout restarts nothing that would need approval: remove approval, or write strategy: Waves",
              reason: "FieldValueForbidden",
              fieldPath: ".approval",
            },
          ],
        },
        onDelete: {
          type: "string",
          enum: ["Restore","Orphan"],
          default: "Restore",
        },
      },
      rules: [
        {
          holds: (self) => self.delivery !== "Admission" || (self.rollout.strategy === "Waves" && !(self.rollout.waves !== undefined) && !(self.rollout.windows !== undefined) && self.rollout.approval !== "Required"),
          message: () => "delivery Admission changes no workload, so there is no rollout to bound: remove rollout, or write delivery: PodTemplate",
          reason: "FieldValueForbidden",
          fieldPath: ".rollout",
        },
        {
          holds: (self) => self.drain.application !== "Delay" || self.delivery === "Admission",
          message: () => "application Delay is put into pods as they are created: write delivery: Admission (it needs the admission webhook), or remove application",
          reason: "FieldValueInvalid",
          fieldPath: ".delivery",
        },
        {
          holds: (self) => self.delivery !== "Admission" || self.drain.environment !== "ProxyConfig",
          message: () => "delivery Admission puts the environment into each pod, without any resource: remove environment, or write delivery: PodTemplate",
          reason: "FieldValueForbidden",
          fieldPath: ".drain.environment",
        },
        {
          holds: (self) => self.rollout.approval !== "Required" || self.drain.environment !== "ProxyConfig",
          message: () => "with environment: ProxyConfig a plan is known only when that resource has been written, so there is nothing to approve before: write environment: Annotation, or approval: None",
          reason: "FieldValueForbidden",
          fieldPath: ".rollout.approval",
        },
        {
          holds: (self) => !(self.match.names !== undefined) || self.drain.environment !== "ProxyConfig",
          message: () => "a ProxyConfig resource selects pods by labels and cannot follow match.names: use match.workloadSelector instead of names, or write environment: Annotation",
          reason: "FieldValueForbidden",
          fieldPath: ".drain.environment",
        },
        {
          holds: (self) => self.drain.mode !== "Fixed" || !(self.drain.duration !== undefined) || ![self.drain.endpointDelay, self.drain.duration, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.duration) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + duration " + self.drain.duration + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + ": raise maximum or shorten duration",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
        {
          holds: (self) => self.drain.mode === "Fixed" || !(self.drain.maxWait !== undefined) || (self.drain.mode === "Combined" && (self.drain.strategy !== undefined) && self.drain.strategy === "PreStopHook") || ![self.drain.endpointDelay, self.drain.maxWait, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.maxWait) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + maxWait " + self.drain.maxWait + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + ": raise maximum or shorten maxWait",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
        {
          holds: (self) => self.drain.mode !== "Combined" || !(self.drain.duration !== undefined) || !(self.drain.maxWait !== undefined) || !(self.drain.strategy !== undefined) || self.drain.strategy !== "PreStopHook" || ![self.drain.endpointDelay, self.drain.maxWait, self.drain.duration, self.gracePeriod.margin, self.gracePeriod.maximum].every((d: string) => d !== "" && new RegExp("^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$").test(d)) || parsePolicyDuration(self.drain.endpointDelay) + parsePolicyDuration(self.drain.maxWait) + parsePolicyDuration(self.drain.duration) + parsePolicyDuration(self.gracePeriod.margin) <= parsePolicyDuration(self.gracePeriod.maximum),
          message: (self) => "endpointDelay " + self.drain.endpointDelay + " + maxWait " + self.drain.maxWait + " + duration " + self.drain.duration + " + margin " + self.gracePeriod.margin + " is above gracePeriod.maximum " + self.gracePeriod.maximum + " (with strategy PreStopHook the hook and the drain behind it add up): raise maximum or shorten maxWait",
          reason: "FieldValueInvalid",
          fieldPath: ".gracePeriod.maximum",
        },
      ],
    },
    status: {
      type: "object",
      default: {"observedGeneration":-1},
      properties: {
        observedGeneration: {
          type: "integer",
          format: "int64",
          minimum: -1,
        },
        planHash: {
          type: "string",
          maxLength: 16,
        },
        conditions: {
          type: "array",
          maxItems: 16,
          listType: "map",
          listMapKeys: ["type"],
          items: {
            type: "object",
            required: ["type","status","lastTransitionTime","reason","message"],
            properties: {
              type: {
                type: "string",
                maxLength: 316,
                pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
              },
              status: {
                type: "string",
                enum: ["True","False","Unknown"],
              },
              observedGeneration: {
                type: "integer",
                format: "int64",
                minimum: 0,
              },
              lastTransitionTime: {
                type: "string",
                format: "date-time",
              },
              reason: {
                type: "string",
                minLength: 1,
                maxLength: 1024,
                pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
              },
              message: {
                type: "string",
                maxLength: 32768,
              },
            },
          },
        },
        workloads: {
          type: "object",
          properties: {
            matched: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            compliant: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            updating: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            pending: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            nonCompliant: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            conflicted: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            exempt: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            overridden: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            unknown: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            failed: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
          },
        },
        rollout: {
          type: "object",
          required: ["phase","intent"],
          properties: {
            phase: {
              type: "string",
              enum: ["Canary","Soaking","Rolling","Halted","Done"],
            },
            intent: {
              type: "string",
              maxLength: 64,
            },
            since: {
              type: "string",
              format: "date-time",
            },
            healthySince: {
              type: "string",
              format: "date-time",
            },
            soaked: {
              type: "boolean",
            },
            haltedBy: {
              type: "object",
              required: ["workload","message"],
              properties: {
                workload: {
                  type: "string",
                  maxLength: 400,
                },
                message: {
                  type: "string",
                  maxLength: 1024,
                },
              },
            },
          },
        },
        nodeBudget: {
          type: "object",
          required: ["workloads","pods","seconds","from"],
          properties: {
            workloads: {
              type: "integer",
              format: "int32",
              minimum: 1,
            },
            pods: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            seconds: {
              type: "integer",
              format: "int32",
              minimum: 0,
            },
            from: {
              type: "string",
              maxLength: 512,
            },
          },
        },
        attention: {
          type: "array",
          maxItems: 20,
          listType: "map",
          listMapKeys: ["namespace","kind","name"],
          items: {
            type: "object",
            required: ["namespace","kind","name","reason","message"],
            properties: {
              namespace: {
                type: "string",
                maxLength: 63,
              },
              kind: {
                type: "string",
                maxLength: 63,
              },
              name: {
                type: "string",
                maxLength: 253,
              },
              reason: {
                type: "string",
                maxLength: 128,
              },
              message: {
                type: "string",
                maxLength: 1024,
              },
            },
          },
        },
      },
    },
  },
};

export const drainExemptionSchema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    apiVersion: {
      type: "string",
    },
    kind: {
      type: "string",
    },
    metadata: {
      type: "object",
    },
    spec: {
      type: "object",
      required: ["selector","reason","owner","expires"],
      properties: {
        selector: {
          type: "object",
          properties: {
            kinds: {
              type: "array",
              minItems: 1,
              maxItems: 16,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 126,
                pattern: "^[A-Z][A-Za-z0-9]*([.][a-z0-9][-.a-z0-9]*)?$",
              },
            },
            names: {
              type: "array",
              minItems: 1,
              maxItems: 64,
              listType: "set",
              items: {
                type: "string",
                minLength: 1,
                maxLength: 253,
              },
            },
            workloadSelector: {
              type: "object",
              properties: {
                matchLabels: {
                  type: "object",
                  maxProperties: 64,
                  additionalProperties: {
                    type: "string",
                    maxLength: 63,
                  },
                  rules: [
                    {
                      holds: (self) => Object.keys(self).length > 0,
                      message: () => "matchLabels is empty, and a label without a value (drain:) counts as absent: write at least one label with its value, or remove matchLabels",
                      reason: "FieldValueInvalid",
                    },
                  ],
                },
                matchExpressions: {
                  type: "array",
                  maxItems: 32,
                  listType: "atomic",
                  items: {
                    type: "object",
                    required: ["key","operator"],
                    properties: {
                      key: {
                        type: "string",
                        minLength: 1,
                        maxLength: 317,
                      },
                      operator: {
                        type: "string",
                        enum: ["In","NotIn","Exists","DoesNotExist"],
                      },
                      values: {
                        type: "array",
                        maxItems: 64,
                        listType: "atomic",
                        items: {
                          type: "string",
                          maxLength: 63,
                        },
                      },
                    },
                    rules: [
                      {
                        holds: (self) => !(["In", "NotIn"].includes(self.operator)) || ((self.values !== undefined) && Object.keys(self.values).length > 0),
                        message: () => "operators In and NotIn need values: write at least one, or use operator Exists or DoesNotExist",
                        reason: "FieldValueRequired",
                        fieldPath: ".values",
                      },
                      {
                        holds: (self) => ["In", "NotIn"].includes(self.operator) || !(self.values !== undefined) || Object.keys(self.values).length === 0,
                        message: () => "operators Exists and DoesNotExist have no values: remove values, or use operator In or NotIn",
                        reason: "FieldValueForbidden",
                        fieldPath: ".values",
                      },
                    ],
                  },
                },
              },
            },
          },
          rules: [
            {
              holds: (self) => (self.names !== undefined) || (self.workloadSelector !== undefined),
              message: () => "selector needs names or workloadSelector: write which workloads are meant, or workloadSelector: {} for all of the namespace",
              reason: "FieldValueInvalid",
            },
          ],
        },
        reason: {
          type: "string",
          maxLength: 512,
          rules: [
            {
              holds: (self) => new RegExp("[^ ]").test(self),
              message: () => "reason is empty: write in a sentence why these workloads are left alone",
              reason: "FieldValueInvalid",
            },
          ],
        },
        owner: {
          type: "string",
          maxLength: 253,
          rules: [
            {
              holds: (self) => new RegExp("[^ ]").test(self),
              message: () => "owner is empty: write who answers for it, for example a team or an address",
              reason: "FieldValueInvalid",
            },
          ],
        },
        expires: {
          type: "string",
          maxLength: 35,
          rules: [
            {
              holds: (self) => new RegExp("^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$").test(self),
              message: () => "write a date and a time with its time zone (RFC 3339), for example 2026-12-31T18:00:00Z or 2026-12-31T18:00:00+01:00",
              reason: "FieldValueInvalid",
            },
          ],
        },
      },
    },
    status: {
      type: "object",
      default: {"observedGeneration":-1},
      properties: {
        observedGeneration: {
          type: "integer",
          format: "int64",
          minimum: -1,
        },
        conditions: {
          type: "array",
          maxItems: 16,
          listType: "map",
          listMapKeys: ["type"],
          items: {
            type: "object",
            required: ["type","status","lastTransitionTime","reason","message"],
            properties: {
              type: {
                type: "string",
                maxLength: 316,
                pattern: "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
              },
              status: {
                type: "string",
                enum: ["True","False","Unknown"],
              },
              observedGeneration: {
                type: "integer",
                format: "int64",
                minimum: 0,
              },
              lastTransitionTime: {
                type: "string",
                format: "date-time",
              },
              reason: {
                type: "string",
                minLength: 1,
                maxLength: 1024,
                pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
              },
              message: {
                type: "string",
                maxLength: 32768,
              },
            },
          },
        },
        matched: {
          type: "integer",
          format: "int32",
          minimum: 0,
        },
      },
    },
  },
};
