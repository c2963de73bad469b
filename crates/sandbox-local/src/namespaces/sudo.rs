//! The `sudo` that lies in every sandbox. A set-uid program cannot work there (no new privileges); in the profile `root` it need
//! not, and in the profile `hardened` it says what would.

use crate::wire::Profile;

/// The script for a profile.
pub(super) fn script(profile: Profile) -> &'static str {
    match profile {
        Profile::Hardened => HARDENED,
        Profile::Root => ROOT,
    }
}

const HARDENED: &str = r#"#!/bin/sh
echo "sudo: this job runs with the profile 'hardened', in which nothing is root. To be root in a throw-away layer, run it with: ekiden exec --profile root" >&2
exit 1
"#;

/// The job is root already. As the real one does by default, it cleans the environment unless told not to.
const ROOT: &str = r#"#!/bin/sh
user=root keep= shell= login= directory=
usage() { echo "sudo: $1" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    --user) user=$2; shift 2 ;;
    --user=*) user=${1#*=}; shift ;;
    --preserve-env|--preserve-env=*) keep=1; shift ;;
    --login) login=1; shift ;;
    --shell) shell=1; shift ;;
    --chdir) directory=$2; shift 2 ;;
    --chdir=*) directory=${1#*=}; shift ;;
    --group|--prompt|--close-from|--role|--type|--command-timeout|--other-user|--host|--chroot) shift 2 ;;
    --validate|--list|--remove-timestamp|--reset-timestamp) exit 0 ;;
    --version) echo "sudo of ekiden: the job is root in its own sandbox"; exit 0 ;;
    --*) shift ;;
    -?*)
      flags=${1#-}; shift
      while [ -n "$flags" ]; do
        rest=${flags#?}; flag=${flags%"$rest"}; flags=$rest
        case $flag in
          E) keep=1 ;;
          i) login=1 ;;
          s) shell=1 ;;
          v|l|K) exit 0 ;;
          V) echo "sudo of ekiden: the job is root in its own sandbox"; exit 0 ;;
          u|D|g|p|C|r|t|T|U|h|R)
            if [ -n "$flags" ]; then value=$flags flags=; else value=$1; [ $# -gt 0 ] && shift; fi
            case $flag in u) user=$value ;; D) directory=$value ;; esac ;;
          n|H|S|A|b|k|P|B|N) ;;
          *) usage "invalid option -- '$flag'" ;;
        esac
      done ;;
    [A-Za-z_]*=*)
      name=${1%%=*}
      case $name in *[!A-Za-z0-9_]*) break ;; esac
      set_names="$set_names $name"; export "$1"; shift ;;
    *) break ;;
  esac
done
[ "$(id -u)" = 0 ] || usage "only the job's root can use it; this process is $(id -un 2>/dev/null || id -u)"
case $user in
  '#'*) number=${user#'#'}; user=$(id -un "$number" 2>/dev/null || echo "$number") ;;
  *) number=$(id -u "$user" 2>/dev/null) || usage "unknown user: $user" ;;
esac
home=$(awk -F: -v n="$number" '$3 == n { print $6; exit }' /etc/passwd 2>/dev/null); home=${home:-/}
program=$(awk -F: -v n="$number" '$3 == n { print $7; exit }' /etc/passwd 2>/dev/null); program=${program:-/bin/sh}
if [ $# -eq 0 ] || [ -n "$shell$login" ]; then
  [ -n "$shell$login" ] || usage "a command is needed"
  if [ $# -eq 0 ]; then set -- "$program"; else set -- "$program" -c 'exec "$0" "$@"' "$@"; fi
fi
[ -z "$login" ] || directory=${directory:-$home}
[ -z "$directory" ] || cd "$directory" || exit 1
if [ "$number" != 0 ]; then
  awk -v n="$number" '$1 <= n && n < $1 + $3 { found = 1 } END { exit !found }' /proc/self/uid_map ||
    usage "this sandbox has no id for $user: whoever started it has no subordinate ids; \`ekiden doctor\` says what to run"
  set -- setpriv --reuid="$number" --regid="$(id -g "$user" 2>/dev/null || echo "$number")" --init-groups -- "$@"
fi
if [ -n "$keep" ]; then
  HOME=$home; export HOME
  exec "$@"
fi
set -- "HOME=$home" "USER=$user" "LOGNAME=$user" "SHELL=$program" SUDO_USER=root SUDO_UID=0 SUDO_GID=0 "PATH=$PATH" "$@"
for name in TERM LANG LANGUAGE LC_ALL LC_CTYPE TZ COLORTERM DISPLAY http_proxy https_proxy no_proxy ftp_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR DEBIAN_FRONTEND $set_names; do
  eval "value=\${$name-} given=\${$name+1}"
  [ -z "$given" ] || set -- "$name=$value" "$@"
done
exec env -i "$@"
"#;
