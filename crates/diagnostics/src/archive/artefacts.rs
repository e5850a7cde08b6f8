//! Which artefact a file of a known report is.
//!
//! Where the reports of Kubernetes keep what: <https://troubleshoot.sh/docs/collect/>.

/// The artefact of everything else.
const OTHER: &str = "archive";

/// The artefact by the path within the report: those of `sos report`, of support bundles of Kubernetes, and of any archive laid
/// out like the root of a host.
pub(super) fn artefact(path: &str) -> &'static str {
    if let Some(command) = path.strip_prefix("sos_commands/") {
        let (plugin, file) = command.split_once('/').unwrap_or((command, ""));
        return match plugin {
            "release" | "lsbrelease" => "os",
            "kernel" if file.starts_with("dmesg") => "logs",
            "kernel" | "host" if file.starts_with("uname") || file.starts_with("hostnamectl") => "os",
            "memory" | "hardware" | "processor" | "pci" | "usb" => "hardware",
            "filesys" | "block" | "lvm2" | "md" | "multipath" | "devices" | "ata" | "nvme" | "xfs" | "btrfs"
            | "ext4" => "disks",
            "process" => "processes",
            "dpkg" | "apt" | "rpm" | "dnf" | "yum" | "zypper" | "snap" | "flatpak" => "packages",
            "logs" => "logs",
            "systemd" | "services" | "systemctl" => "services",
            "networking" | "firewall_tables" | "networkmanager" => "network",
            "date" | "chrony" | "ntp" | "timedatectl" => "time",
            _ => OTHER,
        };
    }
    if let Some(artefact) = of_cluster(path) {
        return artefact;
    }
    match path {
        "uname" | "lsb-release" => "os",
        "free" | "lspci" | "dmidecode" | "proc/meminfo" | "proc/cpuinfo" | "proc/interrupts" | "proc/vmstat" => {
            "hardware"
        }
        "df" | "mount" | "proc/mounts" | "proc/partitions" | "proc/diskstats" | "etc/fstab" => "disks",
        "ps" | "pstree" | "lsof" => "processes",
        "installed-rpms" | "installed-debs" => "packages",
        "netstat" | "ip_addr" | "route" => "network",
        "date" | "etc/timezone" | "proc/uptime" => "time",
        "environment" => "environment",
        _ if path.starts_with("var/log/") || is_log(path) => "logs",
        _ if path.starts_with("etc/") && path.ends_with("-release") || path == "usr/lib/os-release" => "os",
        _ => OTHER,
    }
}

/// The artefact of a file of a Kubernetes support bundle, which keeps what it asked the cluster, and what it asked its hosts.
fn of_cluster(path: &str) -> Option<&'static str> {
    if let Some(resource) = path.strip_prefix("cluster-resources/") {
        let is_log = resource.starts_with("pods/logs/") || is_log(resource);
        return Some(if is_log { "logs" } else { "cluster" });
    }
    if path.starts_with("cluster-info/") {
        return Some("cluster");
    }
    Some(match path.strip_prefix("host-collectors/system/")?.trim_end_matches(".json") {
        "hostos_info" => "os",
        "cpu" | "memory" => "hardware",
        "block_devices" => "disks",
        "time" => "time",
        "ipv4Interfaces" => "network",
        _ => OTHER,
    })
}

fn is_log(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("log"))
}
