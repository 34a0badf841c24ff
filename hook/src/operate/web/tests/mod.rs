mod pages;
mod serving;

use serde_json::{Value, json};

use crate::operate::status::Status;

fn verdict(condition: &str, summary: &str) -> Value {
    json!({
        "schema": 1, "check": "x224", "server": "10.0.1.1", "port": 3389, "condition": condition,
        "kind": "ok", "state": 0, "summary": summary, "facts": { "name": "EX1" }, "details": [],
        "advisories": [], "perfdata": [{ "label": "time", "value": 0.0125, "unit": "s" }],
    })
}

fn server(name: &str, health: &str, weight: u32, verdict: &Value) -> Value {
    json!({
        "name": name, "address": "10.0.1.1", "health": health, "weight_wanted": weight,
        "weight_kernel": weight, "wish": null, "active": 4, "inactive": 2,
        "checks": { "rdp": verdict }, "ages": { "rdp": 1.5 },
    })
}

fn up(name: &str) -> Value {
    server(name, "up", 1, &verdict("healthy", "RDP answers"))
}

fn down(name: &str, weight: u32) -> Value {
    let hangs = verdict(
        "failed",
        "no X.224 answer: the RDP service hangs, restart it",
    );
    server(name, "down", weight, &hangs)
}

fn director(fail_open: bool, servers: &[Value]) -> Value {
    json!({
        "schema": 1, "backend": "ipvs", "config_digest": "00ff", "table_error": null,
        "host_problems": {}, "not_ready": [], "uptime": 61.0, "events": { "server_up": 2 },
        "latest_events": [{ "ts": "2026-11-25T02:13:03.250Z", "event": "server_up",
                            "service": "exchange", "server": "ex1", "reason": "it answers" }],
        "services": [{
            "name": "exchange", "key": "fwm:80", "fwmark": 80, "scheduler": "wlc",
            "persistence": 600, "fail_open": fail_open, "servers": servers, "foreign": [],
        }],
    })
}

fn status(value: Value) -> Status {
    serde_json::from_value(value).unwrap()
}

fn all_up() -> Status {
    status(director(false, &[up("ex1"), up("ex2")]))
}
