use super::*;

/// Three servers, of which the kernel takes no third.
fn without_a_third(bench: &Bench) -> Running {
    let third = "[servers.ex3]\naddress = \"10.0.1.3\"\n\n[services.exchange]";
    let text = CONFIG
        .replace("[services.exchange]", third)
        .replace(r#""ex1", "ex2""#, r#""ex1", "ex2", "ex3""#);
    *bench.kernel.refuses.lock().unwrap() =
        Some(|step| step.destination() == Some("10.0.1.3:0".parse().unwrap()));
    let mut director = bench.director_with(&text);
    director.both_up();
    director
}

#[test]
fn a_kernel_that_refuses_is_named_in_the_status_and_tried_again() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    *bench.kernel.refuses.lock().unwrap() = Some(|_| true);
    director.fails(0).fails(0).fails(0).passes(2).passes(2);
    let error = director.director.status(director.now).table_error;
    let error = error.expect("an error");
    assert!(error.contains("CAP_NET_ADMIN"), "{error}");
    assert_eq!(
        bench.events("step_failed"),
        1,
        "said once, however often it is met"
    );
    *bench.kernel.refuses.lock().unwrap() = None;
    director.passes(2);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    assert_eq!(director.director.status(director.now).table_error, None);
}

#[test]
fn what_is_refused_is_tried_ever_more_rarely() {
    let bench = Bench::new();
    let mut director = without_a_third(&bench);
    let before = *bench.kernel.refused.lock().unwrap();
    for _ in 0..60 {
        director.passes(1);
    }
    let tried = *bench.kernel.refused.lock().unwrap() - before;
    assert!((5..=12).contains(&tried), "{tried} times in a minute");
    assert_eq!(bench.events("step_failed"), 1);
    assert!(director.director.status(director.now).table_error.is_some());
}

#[test]
fn a_server_that_the_kernel_refuses_does_not_keep_a_dead_one_in() {
    let bench = Bench::new();
    let mut director = without_a_third(&bench);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    director.fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
}

#[test]
fn the_last_that_serves_is_kept_until_the_kernel_takes_another() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(1).fails(1).fails(1);
    assert_eq!(bench.kernel.weights(), [1, 0]);
    *bench.kernel.refuses.lock().unwrap() = Some(|step| step.weight() == Some(1));
    director.fails(0).fails(0).fails(0).works(1).works(1);
    assert_eq!(bench.kernel.weights(), [1, 0]);
    *bench.kernel.refuses.lock().unwrap() = None;
    director.passes(2).passes(2);
    assert_eq!(bench.kernel.weights(), [0, 1]);
}
