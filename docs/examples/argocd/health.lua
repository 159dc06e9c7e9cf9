-- Argo CD health of SidecarDrainPolicy and NamespacedSidecarDrainPolicy.
-- Healthy as soon as the policy is accepted and evaluated: a rollout in waves can take hours, and sync waves behind it
-- must not wait for the fleet. Degraded where it can go no further by itself.
local hs = {}
local generation = obj.metadata.generation
local status = obj.status

if obj.metadata.deletionTimestamp ~= nil then
  hs.status = "Progressing"
  hs.message = "Workloads are being restored"
  return hs
end
if status == nil or status.conditions == nil or status.observedGeneration ~= generation then
  hs.status = "Progressing"
  hs.message = "The operator has not looked at this generation yet"
  return hs
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is(name, wanted)
  return conditions[name] ~= nil and conditions[name].status == wanted
end

if is("Stalled", "True") then
  hs.status = "Degraded"
  hs.message = conditions["Stalled"].reason .. ": " .. conditions["Stalled"].message
elseif is("Ready", "False") then
  hs.status = "Degraded"
  hs.message = conditions["Ready"].reason .. ": " .. conditions["Ready"].message
elseif not is("Ready", "True") then
  hs.status = "Progressing"
  hs.message = conditions["Ready"] ~= nil and conditions["Ready"].message or "The policy is being evaluated"
elseif conditions["Ready"].reason == "Suspended" or conditions["Ready"].reason == "Paused" then
  hs.status = "Suspended"
  hs.message = conditions["Ready"].message
else
  hs.status = "Healthy"
  hs.message = conditions["Compliant"] ~= nil and conditions["Compliant"].message or conditions["Ready"].message
end
return hs
