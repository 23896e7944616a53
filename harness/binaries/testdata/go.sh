#!/bin/sh
# Stands in for the go command in tests: notes how it was called in $FAKE_GO/calls and
# answers as $FAKE_GO says. It serves one module, whose files are in $FAKE_GO/module.
echo "$*" >> "$FAKE_GO/calls"
case "$1" in
mod)
	cat "$FAKE_GO/module.json" ;;
list)
	printf 'example.com/tiny/a\nexample.com/tiny/b\nexample.com/tiny\n' ;;
build)
	while [ "$1" != -o ]; do shift; done
	case "$(cat "$FAKE_GO/mode")" in
	hang)
		echo half > "$2"
		echo started > "$FAKE_GO/started"
		exec sleep 60 ;;
	broken)
		i=0
		while [ $i -lt 40 ]; do echo "tiny.go:$i:1: fault number $i" >&2; i=$((i + 1)); done
		exit 1 ;;
	slow)
		sleep 0.3 ;;
	esac
	printf 'example.com/tiny/a\nexample.com/tiny/b\nexample.com/tiny\n' >&2
	echo "program made by $$" > "$2" ;;
esac
