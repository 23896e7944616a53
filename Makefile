# make help lists the targets.
SHELL := /bin/sh
GO    ?= go
BIN   := bin
# A 2-core machine with 24 GiB builds the Kyverno engine within this many packages at a time.
export GOFLAGS := -buildvcs=false -tags=kustomize_disable_go_plugin_support

.DEFAULT_GOAL := help
.PHONY: help build demo test test-short test-kind kind-node-image fidelity lint bench ci golden clean

##@ Use
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/seatrial (the first build compiles the Kyverno engine: about 5 minutes on 2 cores)
	@mkdir -p $(BIN)
	$(GO) build -ldflags '-s -w' -o $(BIN)/seatrial ./cmd/seatrial

demo: build ## replay a bad policy update, then rehearse it on three clusters; leaves out/report.html and out/rehearsal.html
	@./fixtures/demo.sh $(BIN)/seatrial out
	@./fixtures/rehearse.sh $(BIN)/seatrial out

##@ Develop
test: build ## run every test; starts clusters of plain processes and stops them (test-short: without)
	@$(BIN)/seatrial fleet prepare >/dev/null
	$(GO) test -timeout 45m ./...

test-kind: build ## the specs on kind clusters; makes an engine and a node image where there are none, or says why it cannot
	@GO='$(GO)' .ci/kind $(BIN)/seatrial

kind-node-image: build ## build the node image of kind clusters where no registry answers (about 10 minutes on 2 cores, then seconds)
	@$(BIN)/seatrial fleet node-image

test-short: ## run the tests that need no cluster
	$(GO) test -short ./...

lint: ## gofmt, go vet, and the rules about the tree
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

bench: ## benchmarks; compare two runs with benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count 5 ./simulator/... ./reports/...

CORPUS ?= ../shared/corpus
fidelity: build ## compare the replay with real clusters over all of CORPUS (workloads/, audit/, policies/); hours on 2 cores
	@.ci/fidelity $(CORPUS) out/fidelity

golden: ## rewrite expected outputs; review the diff like code
	$(GO) test ./reports/render ./cmd/seatrial/cli -update

ci: lint test ## what CI runs
	@$(MAKE) --no-print-directory demo

clean: ## remove what make built
	rm -rf $(BIN) out
