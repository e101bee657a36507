# What people and CI run. `make help` lists it; scripts/setup installs what is missing first.

# Services, cron and containers start without it.
export HOME ?= $(shell getent passwd $$(id -u) | cut -d: -f6)
export LABLINK_TOOLS ?= $(CURDIR)/.tools
export PATH := $(LABLINK_TOOLS)/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export LABLINK_OLD_CLIENT ?= $(LABLINK_TOOLS)/old-client
export LABLINK_MOTO_SERVER ?= $(LABLINK_TOOLS)/moto/bin/moto_server
export CHECKPOINT_DISABLE := 1
TARGET := $(or $(CARGO_TARGET_DIR),target)
PROGRAMS := $(TARGET)/debug
LAMBDA := target/lambda/bootstrap
# As releases are built; `make run` does without, which is quicker to build.
AWS := lablink-allocator/aws,lablink-cli/aws
# x86_64 or aarch64.
LAMBDA_ARCH ?= x86_64
# For `make chaos`. Without a seed it takes a random one, and prints it.
MINUTES ?= 30
ALLOCATORS ?= 3
SEED ?=
CHAOS_SEEDS := e2e/chaos/seeds
# For `make upgrade`: from this commit, or from the programs in the folder OLD.
FROM ?= 508233b
OLD ?=
OLD_SOURCE := target/upgrade/$(FROM)
# Of `make bench`: an earlier commit to take turns with, and how many turns; the most log lines to
# store before more come (ten million take some minutes); where charts are written.
COMPARE ?=
COMPARED := target/bench/$(COMPARE)
TURNS ?= 3
LINES ?= 1000000
SAVE ?= target/bench
# Judges the modules that need AWS; this one downloads the real providers.
HCL_CHECK ?= scripts/hcl-check
AWS_MODULES := terraform/aws infra infra/settings infra/bootstrap infra/user-data
TERRAFORM_LOCAL := TF_DATA_DIR=$(CURDIR)/target/terraform terraform -chdir=terraform/local

.DEFAULT_GOAL := help
.PHONY: help run test bench deployer deploy destroy validate test-deployment recording test-old-client test-s3 test-aws test-aws-module \
	test-infra-changes lock-providers test-size test-logs test-collect test-browser \
	browsers outages \
	test-connections test-channels hostile-agent hostile-stranger fuzz lambda agent \
	packages test-packages images test-images \
	test-agent-systems test-agent-footprint test-host-systems test-systems soak upgrade chaos \
	chaos-seeds build-times check fmt

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec`, so that the allocator itself gets Ctrl-C and SIGTERM, without a shell in between.
run: ## Start LabLink on http://localhost:5000 with two local VMs
	@scripts/setup run
	@cargo build -p lablink-allocator -p lablink-client
	@ENVIRONMENT=dev exec $(PROGRAMS)/lablink-allocator serve --config config/dev.yaml

test: ## Run every test: Terraform's, and Rust's on a Postgres of its own
	@scripts/setup test
	$(TERRAFORM_LOCAL) init -backend=false -input=false
	$(TERRAFORM_LOCAL) validate
	$(TERRAFORM_LOCAL) test
	terraform/aws/tests/user-data-test
	terraform/aws/tests/cloud/run
	infra/tests/cloud/run
	infra/tests/examples
	infra/tests/host-scripts
	cargo build --workspace --bins --features $(AWS)
	e2e/fuzz/run short
	cargo run -p lablink-web --example gallery -- target/gallery
	e2e/browser/node live.mjs target/gallery
	e2e/browser/node main-job.mjs chromium
	e2e/browser/node desktop.mjs
	$(PROGRAMS)/lablink-chaos --seeds $(CHAOS_SEEDS) --tests-only
	cargo run -p lablink-test-db -- run -- cargo test --workspace --features $(AWS)

bench: ## Measure a release build against the performance bars, or beside COMPARE (8 minutes, and its compilation)
	@scripts/setup test
	cargo build --release -p lablink-allocator -p lablink-bench
ifneq ($(COMPARE),)
	test -e $(COMPARED) || git worktree add --force --detach $(COMPARED) $(COMPARE)
	cd $(COMPARED) && CARGO_TARGET_DIR=$(abspath target/bench/build) \
		cargo build --release --locked -p lablink-allocator
endif
	$(TARGET)/release/lablink-bench --lines $(LINES) --save $(SAVE) --before docs/benchmarks/before \
		$(if $(COMPARE),--with target/bench/build/release/lablink-allocator --turns $(TURNS)) $(PARTS)

test-old-client: ## Run the original's client at its own pace (3 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator
	cargo test -p lablink-e2e --test old_client -- --ignored --test-threads=4

test-browser: ## Try a double click on every form, and the live page of a VM's log, in Chromium (2 minutes)
	@scripts/setup browser
	cargo build -p lablink-allocator -p lablink-client
	e2e/browser/run forms.mjs local
	e2e/browser/run logs.mjs

BROWSERS ?= chromium firefox webkit
browsers: ## Do the main job, and open thirty tabs, in Chromium, Firefox and WebKit (8 minutes)
	@scripts/setup browsers
	cargo build -p lablink-allocator -p lablink-client
	xvfb-run -a e2e/browser/node main-job.mjs $(BROWSERS)
	xvfb-run -a e2e/browser/node tabs.mjs $(BROWSERS)

SECONDS_AWAY ?= 50
outages: ## Take the network from waiting pages, and see what they say (as root, 8 minutes)
	@scripts/setup browsers
	cargo build -p lablink-allocator -p lablink-client
	xvfb-run -a e2e/browser/node outages.mjs $(SECONDS_AWAY) $(BROWSERS)

test-connections: ## Try 20,000 slow connections from one address, beside honest clients (2 minutes)
	@scripts/setup test
	cargo build --release -p lablink-allocator
	e2e/connections/show $(TARGET)/release/lablink-allocator

test-channels: ## Show a hundred desktops of 1 Mbit/s through one allocator, and measure their delay (2 minutes)
	@scripts/setup test
	cargo run -p lablink-test-db -- run -- cargo test --release -p lablink-web --test http channel_load -- \
		--ignored --nocapture

hostile-agent: ## Measure what one VM in wrong hands costs 200 participants (4 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator
	cargo test -p lablink-e2e --test hostile_agent -- --ignored --nocapture

hostile-stranger: ## Measure what one hostile stranger costs a class of 200 (minutes)
	@scripts/setup test
	cargo build -p lablink-allocator
	cargo run -p lablink-test-db -- run -- cargo test -p lablink-e2e --test hostile -- \
		--ignored --nocapture

fuzz: ## Send a running allocator what it may never have seen (5 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client
	e2e/fuzz/run long

test-s3: ## Try Terraform's state in a bucket that stops answering (2 minutes)
	@scripts/setup test
	cargo run -p lablink-test-db -- run -- cargo test -p lablink-provision --test terraform bucket -- --include-ignored

test-aws: ## Run a class of 40 on the stand-in for AWS, and kill at 20 moments (LABLINK_SEED repeats them; half an hour)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client -p lablink-cli --features $(AWS)
	cargo test -p lablink-e2e --test aws -- --ignored --nocapture --test-threads=1

test-aws-module: ## Change all that can change under a VM on the stand-in for AWS, with the host's rights (5 minutes)
	@scripts/setup test
	terraform/aws/tests/cloud/run each upgrade rights names

test-infra-changes: ## Go from each way of deploying to each other on the stand-in for AWS (an hour)
	@scripts/setup test
	infra/tests/cloud/run once replaced modes database

test-deployment: ## Deploy and destroy with lablink on the stand-in for AWS, with the rights that it made (5 minutes)
	@scripts/setup test
	cargo build -p lablink-client -p lablink-allocator -p lablink-cli --features $(AWS)
	cargo test -p lablink-e2e --test cli -- --ignored --skip recorded

recording: ## Record the whole way with lablink for the guide, on the stand-in for AWS (3 minutes)
	@scripts/setup test
	cargo build -p lablink-client -p lablink-allocator -p lablink-cli --features $(AWS)
	cargo test -p lablink-e2e --test cli -- --ignored recorded

# For these three, by the environment: ENVIRONMENT, NAME, CONFIG. So nothing in them is taken for more.
deployer: ## Build what `make deploy` and `make destroy` need
	@scripts/setup run
	$(MAKE) lambda
	cargo build --release --locked -p lablink-cli --features lablink-cli/aws

deploy: export PATH := $(abspath $(TARGET))/release:$(PATH)
deploy: ## Deploy ENVIRONMENT to AWS: check, show the plan, apply, verify (`make deployer` first)
	scripts/deploy "$$ENVIRONMENT"

destroy: ## Destroy the deployment NAME of ENVIRONMENT (`make deployer` first)
	$(TARGET)/release/lablink destroy --environment "$$ENVIRONMENT" --name "$$NAME"

validate: ## Check the configuration CONFIG
	@scripts/setup run
	cargo build --locked -p lablink-cli
	$(PROGRAMS)/lablink config validate "$${CONFIG:-config/config.yaml}" $${GITHUB_ACTIONS:+--format github}

test-size: ## Launch 500 local VMs, and time it beside bare Terraform (6 minutes)
	@scripts/setup test
	cargo run -p lablink-test-db -- run -- cargo test -p lablink-provision --test terraform size -- \
		--ignored --nocapture --test-threads=1

test-logs: ## Send a million lines through the Lambda, and store ten million (many minutes)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-log-forwarder
	cargo test -p lablink-e2e --test forwarder -- --ignored --nocapture
	cargo run -p lablink-test-db -- run -- cargo test --release -p lablink-core --test domain log_scale -- \
		--ignored --nocapture --test-threads=1

test-collect: ## Collect from 20 VMs, and one file of LABLINK_COLLECT_BYTES (20 GB), against rsync (minutes, twice that disk)
	@scripts/setup test
	cargo run -p lablink-test-db -- run -- cargo test --release -p lablink-provision --test collect show -- \
		--ignored --nocapture --test-threads=1

# Linked for the glibc of Amazon Linux 2023, where Lambda runs it.
lambda: ## Build the log forwarder as Lambda takes it: target/lambda/bootstrap/bootstrap.zip
	@scripts/setup lambda
	PATH="$(LABLINK_TOOLS)/zigbuild/bin:$$PATH" cargo-zigbuild zigbuild --locked \
		-p lablink-log-forwarder --profile lambda --target $(LAMBDA_ARCH)-unknown-linux-gnu.2.34
	mkdir -p $(LAMBDA)
	cp $(TARGET)/$(LAMBDA_ARCH)-unknown-linux-gnu/lambda/bootstrap $(LAMBDA)
	cd $(LAMBDA) && python3 -m zipfile -c bootstrap.zip bootstrap

agent: ## Build the agent for machines since Ubuntu 20.04 (glibc 2.31)
	@scripts/setup run
	scripts/build-agent

packages: ## Build the Debian packages of release programs: target/packages
	@scripts/setup run
	cargo build --release --locked -p lablink-allocator -p lablink-client -p lablink-cli --features $(AWS)
	packages/build $(TARGET)/release target/packages

ROOTS ?= $(LABLINK_TOOLS)/roots
test-packages: ## Install, upgrade, remove and purge them in Debian 12 and 13, Ubuntu 22.04 and 24.04 (root; 10 minutes)
	@scripts/setup packages
	cargo build -p lablink-allocator -p lablink-client -p lablink-cli
	LABLINK_ROOTS=$(ROOTS) packages/tests/try $(PROGRAMS) $(SUITES)

# Of images: what builds them, and their names.
ENGINE ?= podman
IMAGES ?= localhost
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
images: ## Build the images of release programs: IMAGES/lablink-allocator and IMAGES/lablink-client
	@scripts/setup run
	cargo build --release --locked -p lablink-allocator -p lablink-client -p lablink-cli --features $(AWS)
	for image in allocator client; do $(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) \
		--file images/$$image/Containerfile --build-arg VERSION=$(VERSION) \
		--tag $(IMAGES)/lablink-$$image:$(VERSION) --tag $(IMAGES)/lablink-$$image:latest . || exit; done

test-images: ## Build both images of a bare Debian, and run, stop and upgrade them (root; 10 minutes, 4 GB)
	@scripts/setup images
	cargo build -p lablink-allocator -p lablink-client
	PATH="$(LABLINK_TOOLS)/podman-compose/bin:$$PATH" LABLINK_ROOTS=$(ROOTS) images/tests/try $(PROGRAMS)

test-agent-systems: agent ## Run it in Debian 11 and 13 (as root, with debootstrap)
	client-agent/tests/old-systems/try target/x86_64-unknown-linux-gnu/release/lablink-client

test-agent-footprint: agent ## Measure its memory and CPU over ten minutes
	LABLINK_MEASURED_AGENT=$(CURDIR)/target/x86_64-unknown-linux-gnu/release/lablink-client \
	    cargo test -p lablink-client --test agent -- footprint --ignored --nocapture

test-host-systems: ## Run the scripts of AWS machines in a Debian 12 (as root, with debootstrap)
	@scripts/setup run
	infra/tests/in-debian

soak: ## Claim 500 VMs with real agents across three restarts (ten minutes, 5 GB)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client
	cargo test -p lablink-e2e --test soak -- --ignored --nocapture

upgrade: ## Run an earlier commit's allocator beside this one, through an upgrade (minutes)
	@scripts/setup test
ifeq ($(OLD),)
	test -e $(OLD_SOURCE) || git worktree add --force --detach $(OLD_SOURCE) $(FROM)
	cd $(OLD_SOURCE) && CARGO_TARGET_DIR=target \
		cargo build --locked -p lablink-allocator -p lablink-client
endif
	cargo build -p lablink-allocator -p lablink-client
	LABLINK_OLD_PROGRAMS=$(abspath $(or $(OLD),$(OLD_SOURCE)/target/debug)) \
		cargo test -p lablink-e2e --test upgrade -- --ignored --nocapture

chaos: ## Break a running LabLink in every way, and check what its clients saw (30 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client -p lablink-chaos
	$(PROGRAMS)/lablink-chaos --minutes $(MINUTES) --allocators $(ALLOCATORS) $(if $(SEED),--seed $(SEED))

chaos-seeds: ## Repeat the runs that once found something (minutes each)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client -p lablink-chaos
	$(PROGRAMS)/lablink-chaos --seeds $(CHAOS_SEEDS)

test-systems: ## Try `make run` on fresh Debian 12 and 13 and Ubuntu 22.04 and 24.04 (root; 20 minutes)
	e2e/systems/try $(SUITES)

build-times: ## Measure builds after one line of core, web or provision changed (5 minutes)
	@scripts/setup test
	scripts/build-times

check: ## Check format, lints, circles of imports, links of the guides, packages, licences and unused dependencies
	@scripts/setup check
	cargo fmt --all --check
	scripts/circles-test
	scripts/circles
	scripts/client-images-test
	scripts/deploy-test
	scripts/links-test
	scripts/links
	terraform fmt -check -recursive terraform infra
	terraform fmt -check - <infra/image/client.pkr.hcl >/dev/null
	shellcheck $$(grep -rlE '^#!.*sh$$' .ci allocator/web/assets scripts terraform infra client-agent packages images e2e/old-client e2e/fuzz e2e/browser e2e/systems e2e/tests)
	$(HCL_CHECK) $(AWS_MODULES)
	infra/tests/no-second-diff $(HCL_CHECK) infra terraform/aws
	packages/check
	images/tests/scripts-test
	$(LABLINK_TOOLS)/hadolint/bin/hadolint images/*/Containerfile
	$(LABLINK_TOOLS)/zizmor/bin/zizmor --quiet --offline --pedantic .github/workflows
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p lablink-allocator -p lablink-cli --features $(AWS) --all-targets -- -D warnings
	cargo machete
	cargo deny check --hide-inclusion-graph bans licenses sources

lock-providers: ## Add the checksums of Terraform's registry to the lock files of the modules for AWS
	for module in terraform/aws infra infra/bootstrap; do terraform -chdir=$$module providers lock \
		-platform=linux_amd64 -platform=linux_arm64 -platform=darwin_arm64 || exit; done

fmt: ## Format Rust and Terraform
	@scripts/setup test
	cargo fmt --all
	terraform fmt -recursive terraform infra
