//! Which places of a sandbox are its own, and which of the host are private. Used by `mask`.

/// Directories that every sandbox has, empty and its own.
pub(super) const FRESH: [(&str, u32); 22] = [
    ("boot", 0o755),
    ("dev", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o755),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("run/shm", 0o1777),
    ("sys", 0o755),
    ("sys/devices", 0o755),
    ("sys/devices/system", 0o755),
    ("sys/devices/system/cpu", 0o755),
    ("tmp", 0o1777),
    ("var/backups", 0o755),
    ("var/crash", 0o1777),
    ("var/log", 0o755),
    ("var/log/apt", 0o755),
    ("var/mail", 0o1777),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];
/// What of `/etc` is credentials, or tells of the host and its people.
pub(super) const PRIVATE_ETC: &str = "shadow shadow- gshadow gshadow- passwd- group- subuid subgid subuid- subgid- sudoers sudoers.d krb5.keytab \
    security/opasswd ssl/private ssh/ssh_host_rsa_key ssh/ssh_host_ecdsa_key ssh/ssh_host_ed25519_key ssh/ssh_host_dsa_key \
    NetworkManager/system-connections wireguard openvpn ipsec.secrets ipsec.d/private ppp/chap-secrets ppp/pap-secrets docker \
    containers/auth.json kubernetes rancher ekiden gitea forgejo forgejo-runner gitlab-runner act_runner letsencrypt credstore \
    credstore.encrypted exim4/passwd.client postfix/sasl_passwd msmtprc netrc fstab crypttab mtab cron.d machine-id .pwd.lock \
    ssh/ssh_host_key sssd/sssd.conf pam_ldap.secret libnss-ldap.conf mysql/debian.cnf";
/// What of `/var` is other services' state.
pub(super) const PRIVATE_VAR: &str = "cache/ekiden cache/private lib/private lib/ekiden lib/docker lib/containerd lib/containers lib/kubelet \
    lib/rancher lib/cni lib/etcd lib/postgresql lib/mysql lib/redis lib/mongodb lib/gitea lib/forgejo lib/gitlab-runner lib/jenkins \
    lib/act_runner lib/systemd lib/NetworkManager lib/bluetooth lib/sss lib/samba lib/tor lib/tailscale lib/cloud lib/amazon \
    lib/google lib/waagent lib/lxc lib/lxd lib/incus lib/libvirt lib/machines lib/fail2ban lib/rabbitmq lib/elasticsearch lib/grafana \
    lib/prometheus lib/vault lib/consul lib/nomad lib/acme lib/step lib/snapd lib/sudo lib/dbus lib/polkit-1 lib/AccountsService db";

/// The directories, below those that are always looked at, in which such names may appear.
pub(super) const PARENTS: [&str; 12] = [
    "etc/NetworkManager",
    "etc/containers",
    "etc/exim4",
    "etc/ipsec.d",
    "etc/mysql",
    "etc/postfix",
    "etc/ppp",
    "etc/security",
    "etc/ssh",
    "etc/ssl",
    "etc/sssd",
    "var/cache",
];
