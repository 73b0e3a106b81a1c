#!/bin/sh
# A CPI that remembers what it was asked for, and takes its time while there is a file called hold.
cd DIRECTORY || exit 1
request=$(cat)
echo "$request" >>requests
answer() { printf '{"result":%s,"error":null,"log":""}\n' "$1"; }
case $request in
'{"method":"info"'*) answer '{"api_version":2,"stemcell_formats":["warden-tar"]}' ;;
'{"method":"create_stemcell"'*)
  while [ -e hold ]; do sleep 0.05; done
  answer "\"stemcell-$$\""
  ;;
*) answer null ;;
esac
