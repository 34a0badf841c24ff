//! No input makes the importer panic, and what it writes is TOML.

use proptest::prelude::*;

use super::*;

const SAMPLES: [&str; 4] = [
    include_str!("../../../../../packaging/examples/original.lvs.cf"),
    "checktimeout=3\nquiescent=yes\nvirtual=192.168.6.2:80\n\treal=10.0.0.1->10.0.0.9:80 gate 5 \"/x\", \"ok\" l:1\n\
     \tservice=http\n\tscheduler=rr\n\tprotocol=tcp\n\tchecktype=negotiate\n\tpersistent=600\nvirtual=5\n\treal=10.0.0.1 masq\n",
    "-A -f 80 -s wlc -p 600 -M 255.255.255.0 -o --pe sip -b sh-port\n-a -f 80 -r 10.0.0.1:0 -m -w 1 -x 5\n\
     -A -t [2001:db8::1]:80 -s rr\n-a -t [2001:db8::1]:80 -r [2001:db8::2]:80 -i -w 0 --tun-type gue --tun-port 9\n",
    "global_defs {\n}\nvirtual_server_group g {\n192.0.2.1-3 80\nfwmark 5\n}\nvirtual_server group g {\ndelay_loop 6.5\n\
     lvs_sched rr\nlvs_method TUN type gue port 5\npersistence_timeout\nreal_server 10.0.0.1 80 {\nweight 3\n\
     MISC_CHECK {\nmisc_path \"/bin/x 'a b' 10.0.0.1\"\n}\nHTTP_GET {\nurl {\npath /\n}\n}\n}\n}\n",
];

const FORMATS: [Format; 4] = [
    Format::Piranha,
    Format::Ldirectord,
    Format::Ipvsadm,
    Format::Keepalived,
];

fn toml_or_refusals(file: &[u8], format: Format) {
    if let Ok(imported) = import(file, Some(format), None) {
        let read: Result<toml::Table, _> = toml::from_str(&imported.toml);
        assert!(read.is_ok(), "{read:?}\n{}", imported.toml);
    }
}

#[test]
fn the_samples_are_imported() {
    for (sample, format) in SAMPLES.into_iter().zip(FORMATS) {
        let imported = imported(sample);
        assert_eq!(imported.format, format);
        config(&imported);
    }
}

proptest! {
    #[test]
    fn any_bytes(file in proptest::collection::vec(any::<u8>(), 0..300), format in 0..4_usize) {
        toml_or_refusals(&file, FORMATS[format]);
        let _ = import(SAMPLES[format].as_bytes(), None, Some(&file));
    }

    #[test]
    fn any_words_of_the_grammars(
        words in proptest::collection::vec(
            prop_oneof![
                Just("virtual"), Just("{"), Just("}"), Just("="), Just("\n"), Just("\n\t"), Just("\""),
                Just("'"), Just("address"), Just("10.0.0.1"), Just("eth0:1"), Just("real"), Just("-A"),
                Just("-a"), Just("-f"), Just("1"), Just("real_server"), Just("virtual_server"),
                Just("fwmark"), Just("->"), Just(":"), Just("["), Just("]"), Just("0x"), Just("server"),
                Just("send_program"), Just("%h"), Just("MISC_CHECK"), Just("misc_path"), Just("masq"),
            ],
            0..60,
        ),
        format in 0..4_usize,
    ) {
        toml_or_refusals(words.join(" ").as_bytes(), FORMATS[format]);
    }

    #[test]
    fn samples_with_a_part_replaced(
        at in any::<prop::sample::Index>(),
        length in 0..20_usize,
        by in "[ -~\\n\\t\u{e9}]{0,8}",
        format in 0..4_usize,
    ) {
        let sample = SAMPLES[format];
        let at = at.index(sample.len());
        let end = (at + length).min(sample.len());
        let file = format!("{}{by}{}", &sample[..at], &sample[end..]);
        toml_or_refusals(file.as_bytes(), FORMATS[format]);
    }
}

#[test]
fn a_huge_line_is_told_in_short() {
    let refusals = import(
        format!("service = lvs\n{}", "x".repeat(5_000_000)).as_bytes(),
        None,
        None,
    )
    .expect_err("refused");
    assert!(refusals[0].words.len() < 500);
}
