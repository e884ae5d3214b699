# Two commands do all the set-up on a bare Debian 12: `make demo` (the main job) and `make test`.
.PHONY: demo test build clean

# What the demo needs is the core alone: no MPFR, no Criterion, no prover.
demo:
	@ci/install core
	@cmake --preset demo
	@cmake --build --preset demo
	@ci/demo build/demo/sluice

build:
	@ci/install core
	@ci/install test
	@cmake --preset release
	@cmake --build --preset release

test:
	@ci/test

clean:
	rm -rf build
