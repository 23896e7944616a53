# make help lists the targets.
SHELL := /bin/sh
GO    ?= go
BIN   := bin
# A 2-core machine with 24 GiB builds the Kyverno engine within this many packages at a time.
export GOFLAGS := -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build demo test lint bench ci golden clean

##@ Use
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/seatrial (the first build compiles the Kyverno engine: about 5 minutes on 2 cores)
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '-s -w' -o $(BIN)/seatrial ./cmd/seatrial

demo: build ## replay the shop's three clusters against a bad policy update; leaves out/report.html
	@./fixtures/demo.sh $(BIN)/seatrial out

##@ Develop
test: ## run every test that needs no cluster
	$(GO) test ./...

lint: ## gofmt, go vet, and the rules about the tree
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

bench: ## benchmarks; compare two runs with benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count 5 ./simulator/... ./reports/...

golden: ## rewrite expected outputs; review the diff like code
	$(GO) test ./reports/render ./cmd/seatrial/cli -update

ci: lint test ## what CI runs
	@$(MAKE) --no-print-directory demo

clean: ## remove what make built
	rm -rf $(BIN) out
