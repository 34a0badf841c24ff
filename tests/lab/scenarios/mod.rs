//! The scenarios, one file for each or for a small group.
//!
//! A new one is a function and a line in [`ALL`]. Most begin with `Cluster::serving`, or with
//! `Cluster::original` where governess sets up the whole host, or with `Cluster::of_exchange` where the
//! servers are Exchange in all; they let traffic
//! run with `lab.traffic()`, do something to `lab.ex1` or `lab.governess`, wait with `lab.until` for
//! the scene that should follow, and end with `lab.uncut(traffic)`.

use crate::Outcome;
use crate::story::Story;

mod address_conflict;
mod adopt;
mod bad_input;
mod by_hand;
mod cost;
mod drain;
mod drift;
mod foreign;
mod gentle;
mod governess_killed;
mod hang;
mod hosts_table;
mod keepalived_files;
mod keepalived_misc_check;
mod kernel_table;
mod killed;
mod killed_at_every_step;
mod kinds;
mod last_one;
mod ldirectord_external;
mod original;
mod random;
mod reboot;
mod reload;
mod repair;
mod story;
mod sync_daemon;
mod topology;
mod two_directors;
mod two_directors_at_rest;
mod unfit;
mod vrrp_script;
mod weights_beside_keepalived;
mod whole;
mod wrong_gateway;

/// A story told on fresh namespaces, and its name on the command line.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tell: fn(&Story) -> Outcome,
}

/// The name of the scenario that is the demonstration, too.
pub(crate) const STORY: &str = "story";

/// All scenarios, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    // First: some of its tests want a kernel that has not loaded IPVS yet.
    scenario("kernel_table", kernel_table::kernel_table),
    scenario("topology", topology::topology),
    scenario("adopt_empty", adopt::adopt_empty),
    scenario("adopt_filled", adopt::adopt_filled),
    scenario("hang", hang::hang),
    scenario("killed", killed::killed),
    scenario("governess_killed", governess_killed::governess_killed),
    scenario("both_hang", last_one::both_hang),
    scenario("fall_together", last_one::fall_together),
    scenario(STORY, story::story),
    scenario("original_setup", original::original_setup),
    scenario("cold_boot", original::cold_boot),
    scenario("whole_config", whole::whole_config),
    scenario("exchange_maintenance", whole::exchange_maintenance),
    scenario("bad_input", bad_input::bad_input),
    scenario("repair_service", repair::repair_service),
    scenario("repair_destination", repair::repair_destination),
    scenario("repair_address", repair::repair_address),
    scenario("repair_nft", repair::repair_nft),
    scenario("foreign_untouched", foreign::foreign_untouched),
    scenario("hand_set_weight", by_hand::hand_set_weight),
    scenario("hand_set_zero", by_hand::hand_set_zero),
    scenario("hand_back_to_nominal", by_hand::hand_back_to_nominal),
    scenario("drain_with_sessions", drain::drain_with_sessions),
    scenario("drain_deadline", drain::drain_deadline),
    scenario(
        "update_an_exchange_server",
        drain::update_an_exchange_server,
    ),
    scenario("both_in_maintenance", gentle::both_in_maintenance),
    scenario(
        "certificate_expires_everywhere",
        gentle::certificate_expires_everywhere,
    ),
    scenario(
        "all_refused_with_sorry_server",
        gentle::all_refused_with_sorry_server,
    ),
    scenario("flapping", gentle::flapping),
    scenario("crash_during_ramp", gentle::crash_during_ramp),
    scenario("reload_bad_file", reload::reload_bad_file),
    scenario("same_table", random::same_table),
    scenario("random_history", random::random_history),
    scenario("address_conflict", address_conflict::address_conflict),
    scenario("wrong_gateway", wrong_gateway::wrong_gateway),
    scenario("unfit_withdraws", unfit::unfit_withdraws),
    scenario("keepalived_files", keepalived_files::keepalived_files),
    scenario(
        "weights_beside_keepalived",
        weights_beside_keepalived::weights_beside_keepalived,
    ),
    scenario(
        "keepalived_misc_check",
        keepalived_misc_check::keepalived_misc_check,
    ),
    scenario(
        "ldirectord_external",
        ldirectord_external::ldirectord_external,
    ),
    scenario("hosts_table", hosts_table::hosts_table),
    scenario("vrrp_script", vrrp_script::vrrp_script),
    scenario("active_loses_power", two_directors::active_loses_power),
    scenario("active_loses_a_link", two_directors::active_loses_a_link),
    scenario(
        "governess_hangs_on_active",
        two_directors::governess_hangs_on_active,
    ),
    scenario("split_and_heal", two_directors::split_and_heal),
    scenario("all_servers_dead", two_directors_at_rest::all_servers_dead),
    scenario(
        "same_config_on_both",
        two_directors_at_rest::same_config_on_both,
    ),
    scenario("rolling_restart", two_directors_at_rest::rolling_restart),
    scenario(
        "templates_after_failover",
        sync_daemon::templates_after_failover,
    ),
    scenario("drift", drift::drift),
    scenario("ipv6", kinds::ipv6),
    scenario("udp", kinds::udp),
    scenario("by_address", kinds::by_address),
    scenario("killed_in_a_start", killed_at_every_step::killed_in_a_start),
    scenario(
        "killed_taking_addresses",
        killed_at_every_step::killed_taking_addresses,
    ),
    scenario(
        "killed_at_every_step",
        killed_at_every_step::killed_at_every_step,
    ),
    // Last: what comes after it is in another boot.
    scenario(REBOOT, reboot::before),
];

/// The name of the scenario that takes two boots.
pub(crate) const REBOOT: &str = "reboot";

/// Its second half.
pub(crate) const AFTER_REBOOT: Scenario = scenario("after_reboot", reboot::after);

const fn scenario(name: &'static str, tell: fn(&Story) -> Outcome) -> Scenario {
    Scenario { name, tell }
}
