#!/bin/sh
# usage: expect.sh SUM NUMBER...: fails, with an annotation, when the numbers do not make that sum.
expected=$1
shift
found=$(./sum "$@")
if [ "$found" != "$expected" ]; then
    echo "::error file=sum.c,line=8,title=wrong sum::$* make $found, not $expected"
    exit 1
fi
echo "$* make $found"
