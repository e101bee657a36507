# What people and CI run. `make help` lists it; scripts/setup installs what is missing first.

export LABLINK_TOOLS ?= $(CURDIR)/.tools
export PATH := $(LABLINK_TOOLS)/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export LABLINK_OLD_CLIENT ?= $(LABLINK_TOOLS)/old-client
export LABLINK_MOTO_SERVER ?= $(LABLINK_TOOLS)/moto/bin/moto_server
export CHECKPOINT_DISABLE := 1
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug
# Judges the modules that need AWS; this one downloads the real providers.
HCL_CHECK ?= scripts/hcl-check
AWS_MODULES := terraform/aws infra infra/settings infra/bootstrap infra/user-data
TERRAFORM_LOCAL := TF_DATA_DIR=$(CURDIR)/target/terraform terraform -chdir=terraform/local

.DEFAULT_GOAL := help
.PHONY: help run test test-old-client test-s3 fuzz check fmt

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	infra/tests/examples
	infra/tests/host-scripts
	cargo build --workspace --bins
	e2e/fuzz/run short
	cargo run -p lablink-test-db -- run -- cargo test --workspace

test-old-client: ## Run the original's client at its own pace (3 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator
	cargo test -p lablink-e2e --test old_client -- --ignored --test-threads=4

fuzz: ## Send a running allocator what it may never have seen (5 minutes)
	@scripts/setup test
	cargo build -p lablink-allocator -p lablink-client
	e2e/fuzz/run long

test-s3: ## Try Terraform's state in a bucket that stops answering (2 minutes)
	@scripts/setup test
	cargo run -p lablink-test-db -- run -- cargo test -p lablink-provision --test terraform bucket -- --include-ignored

check: ## Check format, lints, licences and unused dependencies
	@scripts/setup check
	cargo fmt --all --check
	terraform fmt -check -recursive terraform infra
	shellcheck $$(grep -rlE '^#!.*sh$$' .ci allocator/web/assets scripts terraform infra e2e/old-client e2e/fuzz)
	$(HCL_CHECK) $(AWS_MODULES)
	infra/tests/no-second-diff $(HCL_CHECK) infra
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo machete
	cargo deny check --hide-inclusion-graph bans licenses sources

fmt: ## Format Rust and Terraform
	@scripts/setup test
	cargo fmt --all
	terraform fmt -recursive terraform infra
