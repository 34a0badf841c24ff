//! A set-up that cannot be carried out whole is refused whole: named, exit 1, nothing touched.

use crate::Outcome;
use crate::cluster::Cluster;
use crate::director::{altered, original};
use crate::host::Sight;
use crate::story::{Story, same};

/// In a mount namespace of its own, `nft` is no program.
const WITHOUT_NFT: &str =
    "for nft in $(which -a nft); do mount --bind /dev/null $nft || exit 99; done; exec \"$@\"";

/// In a mount namespace of its own, parameters cannot be written.
const READ_ONLY: &str = "mount --bind /proc/sys /proc/sys && \
     mount -o remount,ro,bind /proc/sys || exit 99; exec \"$@\"";

pub(super) fn bad_input(story: &Story) -> Outcome {
    let lab = Cluster::bare(story, &original()?)?;
    for (what, part, words) in [
        (
            "a VIP outside any network of its interface",
            ("192.168.1.35/24", "192.168.7.35/24"),
            &["192.168.7.35/24", "eth0", "192.168.1.0/24"][..],
        ),
        (
            "an interface that does not exist",
            ("interface = \"eth0\"", "interface = \"eth7\""),
            &["eth7", "192.168.1.35/24"],
        ),
        (
            "an inside interface that does not exist",
            ("inside = \"eth1\"", "inside = \"eth9\""),
            &["eth9", "inside gateway"],
        ),
        (
            "a mark with two meanings",
            ("fwmark = 2 }", "fwmark = 80 }"),
            &["fwmark 80", "ex2"],
        ),
    ] {
        lab.governess.configure(&altered(&original()?, &[part])?)?;
        refused(&lab, what, "exec \"$@\"", words)?;
    }
    lab.governess.configure(&original()?)?;
    refused(
        &lab,
        "no nft",
        WITHOUT_NFT,
        &["no program `nft`", "nftables"],
    )?;
    let words = ["net.ipv4.ip_forward", "read-only"];
    refused(&lab, "a read-only /proc/sys", READ_ONLY, &words)?;

    story.tell("all at once: each is named");
    let everything = [
        ("192.168.1.35/24", "192.168.7.35/24"),
        ("inside = \"eth1\"", "inside = \"eth9\""),
    ];
    lab.governess
        .configure(&altered(&original()?, &everything)?)?;
    let words = [
        "192.168.7.35/24",
        "eth9",
        "net.ipv4.ip_forward",
        "read-only",
    ];
    refused(&lab, "three faults", READ_ONLY, &words)
}

fn refused(lab: &Cluster<'_>, what: &str, preparation: &str, words: &[&str]) -> Outcome {
    lab.story.tell(what);
    let before = Sight::of(&lab.net.lb1)?;
    let shell = ["sh", "-c", preparation, "sh"];
    let wrapper = [&["timeout", "30", "unshare", "--mount"][..], &shell].concat();
    let ended = lab.governess.run_to_the_end_below(&wrapper)?;
    same(
        &format!("{what}: exit code of {ended:?}"),
        &ended.code(),
        &Some(1),
    )?;
    for word in words {
        if !ended.stderr.contains(word) {
            return Err(format!("{what}: {word} is not named: {}", ended.stderr).into());
        }
    }
    same(what, &Sight::of(&lab.net.lb1)?, &before)
}
