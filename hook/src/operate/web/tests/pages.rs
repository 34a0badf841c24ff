//! What the page says in each state of a director.

use serde_json::json;

use super::super::metrics;
use super::super::page::{Frame, page};
use super::*;

/// The page without its style and script.
fn shown(status: &Status) -> String {
    let frame = Frame {
        host: "lb1",
        time: "2026-11-25T02:13:03.250Z",
        nonce: "n",
    };
    let page = page(status, &frame);
    let (_, body) = page.split_once("<body").unwrap();
    let (body, _) = body.split_once("<script").unwrap();
    body.to_owned()
}

fn assert_shows(status: &Status, words: &[&str]) {
    let shown = shown(status);
    for words in words {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
}

#[test]
fn when_all_serve_it_says_so_and_nothing_else_is_prominent() {
    let status = all_up();
    assert_shows(
        &status,
        &[
            "All is well",
            "lb1",
            "ex1",
            "ex2",
            "RDP answers",
            "name: EX1",
        ],
    );
    assert!(!shown(&status).contains("class=alarms"));
}

#[test]
fn a_server_that_is_down_is_an_alarm_with_its_cause_and_remedy() {
    let status = status(director(false, &[down("ex1", 0), up("ex2")]));
    let alarm = "<b>ALARM</b> ex1 in exchange is down: rdp: no X.224 answer: the RDP service hangs";
    assert_shows(
        &status,
        &["1 alarm<", alarm, "<span class=\"tag bad\">down</span>"],
    );
}

#[test]
fn fail_open_comes_before_all_other_alarms_and_names_who_is_kept() {
    let status = status(director(true, &[down("ex1", 1), down("ex2", 1)]));
    let page = shown(&status);
    let alarm = page.find("<b>ALARM</b> exchange: FAIL OPEN: no server is known to work");
    let other = page.find("<b>ALARM</b> ex1 in exchange is down");
    assert!(alarm.is_some() && alarm < other, "{page}");
    assert_shows(
        &status,
        &["3 alarms", "not empty: ex1, ex2<", "tag bad\">fail open<"],
    );
}

#[test]
fn a_weight_set_by_hand_is_a_notice() {
    let mut drained = up("ex1");
    for key in ["wish", "weight_wanted", "weight_kernel"] {
        drained[key] = json!(0);
    }
    let mut heavier = up("ex2");
    for key in ["wish", "weight_wanted", "weight_kernel"] {
        heavier[key] = json!(3);
    }
    let status = status(director(false, &[drained, heavier]));
    assert_shows(&status, &["2 notices", "drained by hand", "by hand: 3"]);
}

#[test]
fn what_is_not_judged_yet_is_no_alarm() {
    let mut unknown = server("ex1", "unknown", 0, &json!(null));
    unknown["checks"] = json!({});
    let mut director = director(false, &[unknown]);
    director["not_ready"] = json!(["check rdp of ex1 has not answered yet"]);
    let status = status(director);
    assert_shows(
        &status,
        &[
            "1 notice<",
            "No check has answered yet",
            "not ready: check rdp of ex1",
        ],
    );
}

#[test]
fn no_service_at_all_is_said() {
    let mut director = director(false, &[]);
    director["services"] = json!([]);
    assert_shows(&status(director), &["No service is configured"]);
}

#[test]
fn a_kernel_that_differs_a_stale_check_and_problems_of_the_host_are_alarms() {
    let mut silent = up("ex1");
    silent["weight_kernel"] = json!(null);
    silent["stale"] = json!(["rdp"]);
    silent["ages"] = json!({ "rdp": 300.0 });
    let mut director = director(false, &[silent]);
    director["table_error"] = json!("permission denied");
    director["host_problems"] = json!({ "192.168.1.35/24 on eth0": "not taken" });
    let status = status(director);
    assert_shows(
        &status,
        &[
            "4 alarms",
            "weight 1 is wanted, the kernel has no such destination",
            "check rdp has not answered for 300 s",
            "the table cannot be driven: permission denied",
            "192.168.1.35/24 on eth0: not taken",
            "5 min ago",
        ],
    );
}

#[test]
fn whatever_a_server_says_of_itself_is_shown_as_text() {
    let hostile = "</li><script>alert('x')</script><img src=x onerror=alert(1)>\" onclick=\"";
    let mut verdict = verdict("failed", hostile);
    verdict["facts"] = json!({ hostile: hostile });
    verdict["details"] = json!([hostile]);
    verdict["kind"] = json!(hostile);
    verdict["condition"] = json!(hostile);
    let mut ill = server("ex1", hostile, 1, &verdict);
    ill["name"] = json!(hostile);
    ill["checks"] = json!({ hostile: verdict });
    let mut director = director(true, &[ill]);
    director["services"][0]["foreign"] = json!([hostile]);
    director["latest_events"][0]["reason"] = json!(hostile);
    director["host_problems"] = json!({ hostile: hostile });
    let shown = shown(&status(director));
    assert!(
        !shown.contains("<script") && !shown.contains("<img"),
        "{shown}"
    );
    assert!(!shown.contains("\" onclick"), "{shown}");
    assert!(
        shown.contains("&lt;script&gt;alert(&#39;x&#39;)"),
        "{shown}"
    );
}

#[test]
fn metrics_tell_every_state_by_stable_names() {
    let mut drained = down("ex2", 0);
    drained["wish"] = json!(0);
    let text = metrics::text(&status(director(true, &[up("ex1"), drained]))).unwrap();
    for line in [
        "governess_fail_open{service=\"exchange\"} 1",
        "governess_server_health{service=\"exchange\",server=\"ex1\",health=\"up\"} 1",
        "governess_server_health{service=\"exchange\",server=\"ex2\",health=\"up\"} 0",
        "governess_server_health{service=\"exchange\",server=\"ex2\",health=\"down\"} 1",
        "governess_server_weight_wanted{service=\"exchange\",server=\"ex1\"} 1",
        "governess_server_weight_kernel{service=\"exchange\",server=\"ex1\"} 1",
        "governess_server_weight_wish{service=\"exchange\",server=\"ex2\"} 0",
        "governess_server_connections{service=\"exchange\",server=\"ex1\",state=\"active\"} 4",
        "governess_check_condition{server=\"ex2\",check=\"rdp\",condition=\"failed\"} 1",
        "governess_check_duration_seconds{server=\"ex1\",check=\"rdp\"} 0.0125",
        "governess_check_age_seconds{server=\"ex1\",check=\"rdp\"} 1.5",
        "governess_check_stale{server=\"ex1\",check=\"rdp\"} 0",
        "governess_events_total{event=\"server_up\"} 2",
        "governess_ready 1",
        "governess_table_error 0",
        "governess_host_problems 0",
        "governess_uptime_seconds 61.0",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in {text}"
        );
    }
    assert!(text.contains("config_digest=\"00ff\""), "{text}");
    assert!(!text.contains("weight_wish{service=\"exchange\",server=\"ex1\""));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_directors_turn_and_fitness_are_in_the_metrics_and_what_is_wrong_on_the_page() {
    let mut director = director(false, &[up("ex1"), up("ex2")]);
    director["pair"] = json!({
        "state": "backup", "priority": 50, "partner": "10.0.1.34", "score": -50,
        "unfit": "interface eth1 has no carrier", "partner_digest": "ff00",
    });
    let status = status(director);
    let metrics = metrics::text(&status).unwrap();
    for sample in [
        "governess_pair_score -50",
        "governess_pair_drift 1",
        "governess_pair_state{state=\"backup\"} 1",
        "governess_pair_state{state=\"master\"} 0",
    ] {
        assert!(metrics.contains(sample), "{sample} is not in {metrics}");
    }
    let page = shown(&status);
    assert!(page.contains("this director is unfit: interface eth1 has no carrier"));
    let text = status.page();
    assert!(text.contains(
        "pair: backup, priority 50, partner 10.0.1.34 with config ff00, score -50 since this director is UNFIT: \
         interface eth1 has no carrier"
    ));
}
