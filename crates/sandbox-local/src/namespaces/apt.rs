//! The `apt` and `apt-get` that a job sees which is root over the host's root for an ordinary user: the host's files belong to ids
//! that its sandbox does not have, so packages cannot be installed there, and it is told what would work. Used by `mask`.

/// Lies before the real one in the `PATH`; what changes nothing is handed on to it.
pub(super) const SCRIPT: &str = r#"#!/bin/sh
name=${0##*/}
for word in "$@"; do
  case $word in
    install|reinstall|remove|purge|autoremove|autopurge|upgrade|dist-upgrade|full-upgrade|build-dep|dselect-upgrade|update|clean|autoclean)
      echo "$name: packages cannot be installed over this machine's own root by an ordinary user: its files belong to ids that the sandbox does not have. Give the job a root directory of your own: ekiden exec --profile root --root DIR (\`ekiden root unpack\` makes one from an archive)" >&2
      exit 100 ;;
  esac
done
exec "/usr/bin/$name" "$@"
"#;
