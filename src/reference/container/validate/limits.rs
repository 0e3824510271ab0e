//! The limits of a container: memory and processors.

use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

use super::refuse;

/// Checks the limits.
pub(in crate::reference::container) fn resources(host: Document<'_>) -> Result<(), Refusal> {
    const LEAST_MEMORY: i64 = 6 << 20;
    let (memory, swap, reservation) = (host.int("Memory"), host.int("MemorySwap"), host.int("MemoryReservation"));
    if memory != 0 && memory < LEAST_MEMORY {
        return refuse("Minimum memory limit allowed is 6MB");
    }
    if memory > 0 && swap > 0 && swap < memory {
        return refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if memory == 0 && swap > 0 {
        return refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    if let Some(swappiness) = host.member("MemorySwappiness").as_i64()
        && !(-1..=100).contains(&swappiness)
    {
        return refuse(format!("Invalid value: {swappiness}, valid memory swappiness range is 0-100"));
    }
    if reservation > 0 && reservation < LEAST_MEMORY {
        return refuse("Minimum memory reservation allowed is 6MB");
    }
    if memory > 0 && reservation > 0 && memory < reservation {
        return refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    let kernel = host.int("KernelMemory");
    if kernel > 0 && kernel < 4 << 20 {
        return refuse("Minimum kernel memory limit allowed is 4MB");
    }
    cpus(host)
}

fn cpus(host: Document<'_>) -> Result<(), Refusal> {
    let (nano, period, quota) = (host.int("NanoCpus"), host.int("CpuPeriod"), host.int("CpuQuota"));
    if nano > 0 && period > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    }
    if nano > 0 && quota > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    }
    if !(0..=CPUS * 1_000_000_000).contains(&nano) {
        return refuse(format!("Range of CPUs is from 0.01 to {CPUS}.00, as there are only {CPUS} CPUs available"));
    }
    if period != 0 && !(1000..=1_000_000).contains(&period) {
        return refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    }
    if quota > 0 && quota < 1000 {
        return refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    for (member, name, what, last) in [("CpusetCpus", "cpus", "CPUs", CPUS - 1), ("CpusetMems", "mems", "memory nodes", 0)] {
        let set = host.text(member);
        let Some(highest) = highest_of(set) else {
            return refuse(format!("Invalid value {set} for cpuset {name}: invalid format: {set}"));
        };
        if highest > last {
            let available = if last == 0 { "0".to_owned() } else { format!("0-{last}") };
            return refuse(format!("Requested {what} are not available - requested {set}, available: {available}"));
        }
    }
    Ok(())
}

/// The processors that the simulated host has.
const CPUS: i64 = 4;

/// The highest number of `0-2,4`; 0 of nothing.
fn highest_of(set: &str) -> Option<i64> {
    let mut highest = 0;
    for part in set.split(',').filter(|_| !set.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        if last < first {
            return None;
        }
        highest = highest.max(i64::from(last));
    }
    Some(highest)
}
