//! What is promised when things fail: the real program is killed, starved and lied to, and held to a journal of what it
//! had acknowledged. See docs/durability.md.
//!
//! `CLOAKROOM_FAULTS_SEED` repeats a run; every failure prints the seed it had.

mod caller;
mod history;
mod hold;
mod journal;
mod random;
mod scribe;
mod site;
mod strace;
mod traffic;

mod backup;
mod breaks;
mod clock;
mod crowds;
mod databases;
mod descriptors;
mod disk_reserve;
mod errors;
mod filling;
mod full_disk_parts;
mod full_disks;
mod load;
mod order;
mod power;
mod proxies;
mod resumables;
mod silence;
mod slow_syncs;
mod steady;
mod store_calls;
mod store_clocks;
mod store_instances;
mod syscalls;
