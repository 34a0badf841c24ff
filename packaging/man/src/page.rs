//! Parts of a page in the language of `man(7)`.

use clap::Command;
use clap_mangen::Man;

/// What begins a page.
pub(crate) fn title(name: &str, section: u8, about: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let upper = name.to_uppercase();
    let about = escaped(about.trim_end_matches('.'));
    // The text of options has apostrophes as \*(Aq.
    format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH {upper} {section} \"\" \"governess {version}\" \"governess\"\n.SH NAME\n{} \\- {about}\n",
        escaped(name)
    )
}

/// A section or, with `SS`, a part of one.
pub(crate) fn heading(macro_name: &str, words: &str) -> String {
    format!(
        ".{macro_name} \"{}\"\n",
        escaped(words).replace('"', "\\(dq")
    )
}

/// Lines that stand as they are.
pub(crate) fn as_it_stands(text: &str) -> String {
    let mut source = ".nf\n".to_owned();
    for line in text.trim_end().lines() {
        source += &escaped(line);
        source.push('\n');
    }
    source + ".fi\n"
}

/// A paragraph.
pub(crate) fn paragraph(text: &str) -> String {
    format!(".PP\n{}\n", escaped(text))
}

/// The options of a command, each as its `--help` has it, without a heading.
pub(crate) fn options(command: &Command) -> String {
    let mut source = Vec::new();
    let man = Man::new(command.clone());
    // Writing to memory cannot fail.
    let _ = man.render_options_section(&mut source);
    let source = String::from_utf8_lossy(&source);
    let behind = source.split_once(".SH OPTIONS\n");
    behind.map_or("", |(_, rest)| rest).to_owned()
}

/// Text that no formatter takes for its own: backslash, hyphen, and a point or an apostrophe that
/// begins a line.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line.to_owned(),
        })
        .collect();
    lines.join("\n")
}
