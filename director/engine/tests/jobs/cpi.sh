#!/bin/sh
# A CPI that remembers what it was asked for and copies images, as CPIs must.
cd DIRECTORY || exit 1
request=$(cat)
printf '%s\n' "$request" >>requests
printf '%s\n' "$request" >>timeline
method=${request#*'"method":"'}
method=${method%%'"'*}
while [ -e "stuck-$method" ]; do sleep 0.05; done
[ -e "breaks-$method" ] && exit 1
if [ -e "fails-$method" ]; then
  printf '{"result":null,"error":{"type":"%s","message":"no","ok_to_retry":false},"log":""}\n' "$(cat "fails-$method")"
  exit
fi
answer() { printf '{"result":%s,"error":null,"log":""}\n' "$1"; }
case $request in
'{"method":"info"'*) answer '{"api_version":3,"stemcell_formats":["warden-tar"]}' ;;
'{"method":"create_stemcell"'*)
  image=${request#*'"arguments":["'}
  image=${image%%'"'*}
  cp "$image" image.copy || exit 1
  answer '"stemcell-cid"'
  ;;
'{"method":"delete_stemcell"'*)
  if [ -e refuses ]; then
    echo '{"result":null,"error":{"type":"Bosh::Clouds::CloudError","message":"no","ok_to_retry":false},"log":""}'
  else
    answer null
  fi
  ;;
'{"method":"has_vm"'*)
  cid=${request#*'"arguments":["'}
  cid=${cid%%'"'*}
  if [ -e gone ]; then
    answer false
  elif grep -q "warren_vm_cid\":\"$cid\"" requests; then
    # It takes no names, as others' CPIs, unless it shall.
    [ -e takes-names ] && answer true || answer false
  else
    answer true
  fi
  ;;
'{"method":"get_vm_log"'*) [ -e vm-log ] && answer "$(cat vm-log)" || answer null ;;
'{"method":"has_disk"'*) [ -e no-disk ] && answer false || answer true ;;
'{"method":"create_disk"'*) [ -e disk-cid ] && answer "$(cat disk-cid)" || answer "\"disk-$$\"" ;;
'{"method":"attach_disk"'*) answer '"/dev/x"' ;;
'{"method":"snapshot_disk"'*)
  if [ -e no-snapshots ]; then
    echo '{"result":null,"error":{"type":"Bosh::Clouds::NotImplemented","message":"no","ok_to_retry":false},"log":""}'
  else
    answer "\"snapshot-$$\""
  fi
  ;;
'{"method":"create_vm"'*)
  agent=${request#*'"arguments":["'}
  agent=${agent%%'"'*}
  grep -q "$agent" users.json && echo "$agent" >>known
  answer "[\"vm-$$\",{}]"
  ;;
'{"method":"calculate_vm_cloud_properties"'*)
  cpu=${request#*'"cpu":'}
  answer "{\"cpu\":${cpu%%[,\}]*},\"over\":\"cpi\"}"
  ;;
*) answer null ;;
esac
