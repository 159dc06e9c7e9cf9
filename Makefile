# Everything a newcomer types. `make help` lists the targets.
.DEFAULT_GOAL := help
RUN := node scripts/run-ts.mjs
JEST := node --experimental-vm-modules --no-warnings=ExperimentalWarning node_modules/jest/bin/jest.js --testTimeout=180000

# What depends on the API server, and is quick: run on other versions of Kubernetes (docs/reference/compatibility.md).
VERSION_TESTS := $(addprefix test/integration/,kubernetes-version.test.ts crd-skew.test.ts crd-validation.test.ts crd-tenants.test.ts \
	template-apply.test.ts template-ownership.test.ts template-restore.test.ts gitops-ownership.test.ts gitops-undo.test.ts \
	kube-client.test.ts operator-modes.test.ts write-bounds.test.ts)
export KUBERNETES

##@ General

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*##"; printf "usage: make TARGET\n"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z0-9_-]+:.*##/ {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: node
node:
	@command -v node >/dev/null || { echo "Node.js 20.19 or newer is needed and was not found: install one from https://nodejs.org/" >&2; exit 1; }
	@node scripts/check-node.mjs

.PHONY: install
install: node node_modules/.package-lock.json ## Install the packages of package-lock.json, unless they are there

node_modules/.package-lock.json: package.json package-lock.json | node
	npm ci --ignore-scripts
	@touch $@

##@ Develop

.PHONY: build
build: install ## Bundle src/ into dist/main.js
	npm run --silent build

.PHONY: run
run: build ## Run the operator against the current kubeconfig, with readable logs: ARGS="--log-level debug"
	node dist/main.js controller --kubeconfig "$${KUBECONFIG:-$$HOME/.kube/config}" --log-format text $(ARGS)

.PHONY: format
format: install ## Format the code
	npm run --silent format

.PHONY: generate
generate: install ## Write the generated files anew (types, CRDs, docs tables)
	npm run --silent generate

.PHONY: verify
verify: install ## Check that the generated files are up to date
	npm run --silent verify

.PHONY: typecheck
typecheck: install ## Check the types
	npm run --silent typecheck

.PHONY: lint
lint: install ## Check style, promises and who imports whom
	npm run --silent lint

##@ Test

.PHONY: test
test: node ## Run everything; the last line is "N passed, N failed"
	@node scripts/test.mjs

.PHONY: test-unit
test-unit: install ## Run the unit and property tests
	$(JEST) --selectProjects unit

.PHONY: test-one
test-one: install ## Run one test file: FILE=test/unit/api/conditions.test.ts, and one test of it by NAME="..."
	@test -n "$(FILE)" || { echo "usage: make test-one FILE=test/unit/... [NAME='part of its name']" >&2; exit 2; }
	@node scripts/test-one.mjs "$(FILE)" "$(NAME)"

.PHONY: test-properties
test-properties: install ## Run the property tests at length, on new samples: PROPERTY_RUNS=N, HOOK_PROPERTY_RUNS=N; PROPERTY_SEED=N repeats a run
	@seed=$${PROPERTY_SEED:-$$(node -p 'Math.floor(Math.random() * 2 ** 31)')}; echo "PROPERTY_SEED=$$seed repeats this run"; \
		PROPERTY_SEED=$$seed PROPERTY_RUNS=$${PROPERTY_RUNS:-1000000} HOOK_PROPERTY_RUNS=$${HOOK_PROPERTY_RUNS:-1000000} \
		$(JEST) test/properties --selectProjects unit --verbose

.PHONY: fuzz
fuzz: install ## Look for inputs that break what has to hold, led by coverage: FUZZ_SECONDS=N, FUZZ_TARGET=NAME,..., FUZZ_SEED=N
	@$(RUN) test/fuzz/main.ts

.PHONY: test-integration
test-integration: control-plane ## Run the tests on a real API server; KUBERNETES=1.34, 1.35 or 1.37: a subset on that one
	$(JEST) $(if $(KUBERNETES),$(VERSION_TESTS)) --selectProjects integration

.PHONY: chaos
chaos: build control-plane ## Break everything around the operator and judge what it did: CHAOS_SEED=N repeats a run, CHAOS_OPS=N
	@$(RUN) test/chaos/main.ts

.PHONY: control-plane
control-plane: install ## Find, download or build etcd, kube-apiserver, the controllers and kubectl
	@$(RUN) scripts/control-plane.ts binaries

.PHONY: control-plane-run
control-plane-run: install ## Start a control plane to play with; Ctrl-C ends it
	@$(RUN) scripts/control-plane.ts run

.PHONY: test-tools
test-tools: build ## Play kubectl, kustomize, Helm, Flux, Argo CD, Ansible, kstatus and OLM's validators; writes tables in docs (TOOLS=NAME: only prints)
	@$(RUN) test/tools/gitops/main.ts

.PHONY: test-upgrade
test-upgrade: build control-plane ## Let the operator of an earlier commit and today's take each other's place: FROM=COMMIT; writes a table in docs/reference/compatibility.md
	@$(RUN) test/tools/upgrade/main.ts

.PHONY: e2e
e2e: build ## Prove with real requests on a real mesh: E2E_KUBECONFIG=FILE, else with kind; docs/e2e.md
	@$(RUN) e2e/main.ts

.PHONY: image
image: build ## Build the image as an OCI archive without a Docker daemon: out/image
	@$(RUN) scripts/image.ts

.PHONY: e2e-image
e2e-image: install ## Build an image of the server and load generator of e2e, for clusters without a registry: E2E_IMAGE=NAME
	@$(RUN) e2e/image.ts

##@ Show and measure

.PHONY: demo
demo: node ## From nothing to a converged mesh and back, on a control plane of its own
	@node scripts/demo.mjs

.PHONY: bench
bench: build ## Measure the operator against a bare writer and its build of an earlier commit
	@$(RUN) bench/main.ts

.PHONY: bench-fleet
bench-fleet: build ## Measure the operator at rest on 100,000 workloads in 5000 namespaces under 500 policies
	@BENCH_BASE=none $(RUN) bench/large-fleet.ts

.PHONY: bench-cli
bench-cli: build ## Measure lint on 10,000 documents beside the bare parse of the same bytes, and on trees beside kustomize build
	@$(RUN) bench/cli.ts
	@$(RUN) bench/cli-trees.ts

.PHONY: bench-hooks
bench-hooks: install ## Measure the CPU time of the analysis of hostile hooks
	@$(RUN) bench/hooks.ts $(ARGS)

.PHONY: bench-admission
bench-admission: build ## Measure what the admission webhook adds to creations, beside none
	@$(RUN) bench/admission.ts

.PHONY: bench-dashboard
bench-dashboard: build control-plane ## Measure the dashboard on 10,000 Deployments beside kubectl get deployments -A -w
	@$(RUN) bench/dashboard.ts

.PHONY: screenshots
screenshots: install ## Take the pictures of the report for the docs anew
	@$(RUN) scripts/report-screenshots.ts

.PHONY: dashboard-pictures
dashboard-pictures: build control-plane ## Take the pictures of the dashboard for the docs anew (ten thousand: make bench-dashboard)
	@$(RUN) scripts/dashboard-screenshots.ts

.PHONY: rollout-chart
rollout-chart: build control-plane ## Draw the chart of a rollout in waves for the docs anew, from a real one
	@$(RUN) scripts/rollout-timeline.ts

##@ Clean up

.PHONY: clean
clean: ## Remove what was built, but not the control plane's programs
	rm -rf dist coverage out .cache/run-ts .cache/jest-*.json .cache/test-summary

.PHONY: clean-cache
clean-cache: ## Remove the control plane's programs as well (building them takes minutes)
	rm -rf "$${SIDECAR_DRAIN_CACHE:-.cache}/control-plane"
