#!/bin/sh
# shellcheck disable=SC2006 # as people write it
echo "It's $HOME, \$HOME and `hostname`; EOF"
