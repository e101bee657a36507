#!/bin/sh
echo "It's $HOME, \$HOME and `hostname`; EOF"
