#!/bin/sh
# The tests once more on Node 24, whose binary comes as an npm package, and one end-to-end test. Skipped, and counted so, where it
# cannot be had.
cd "$(dirname "$0")/.."
package="node-$(node -p 'process.platform')-$(node -p 'process.arch')"
prefix=.cache/node24
node24="$prefix/node_modules/$package/bin/node"
mkdir -p "$prefix"
if [ ! -x "$node24" ] && ! npm install --no-save --no-audit --no-fund --prefix "$prefix" "$package@24"; then
  echo "Node 24 cannot be had from the npm registry ($package): its tests are skipped"
  echo '# skipped 1'
  exit 0
fi
set -e
"$node24" --version
"$node24" --enable-source-maps build/test/run.js unit conformance golden tidy e2e/roles
