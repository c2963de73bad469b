//! The labels of a job as the runner that gets it writes them: they fit whatever their case, and runners look for their own by its letters, to find where the job runs.

/// The document with the labels of `runs-on` as they stand among those of the runner.
pub(super) fn spelled(document: &str, wanted: &[String], runner: &[String]) -> String {
    let mut others = wanted.iter().filter(|wanted| !runner.contains(wanted)).peekable();
    if others.peek().is_none() {
        return document.to_owned();
    }
    // One job, in block style: what belongs to its `runs-on` is indented deeper, on the lines that follow.
    let Some(job) = document.find("\njobs:\n") else { return document.to_owned() };
    let Some(from) = document[job..].find("\n    runs-on:").map(|at| job + at + 1) else { return document.to_owned() };
    let first = document[from..].find('\n').map_or(document.len(), |at| from + at + 1);
    let more = document[first..].split_inclusive('\n').take_while(|line| line.starts_with("     "));
    let to = first + more.map(str::len).sum::<usize>();
    let mut runs_on = document[from..to].to_owned();
    for wanted in others {
        if let Some(own) = runner.iter().find(|own| own.eq_ignore_ascii_case(wanted)) {
            runs_on = runs_on.replace(&format!("\"{wanted}\""), &format!("\"{own}\""));
        }
    }
    format!("{}{runs_on}{}", &document[..from], &document[to..])
}

#[cfg(test)]
mod tests {
    use super::spelled;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn labels_stand_as_the_runner_writes_them() {
        let document = |labels: &str| {
            format!(
                "env:\n  A: \"Linux\"\njobs:\n  a:\n    name: \"Linux\"\n    runs-on:{labels}\n    steps:\n      - run: \"Linux\"\n"
            )
        };
        let own = texts(&["linux", "X64", "self-hosted"]);
        let of = |labels: &str, wanted: &[&str]| spelled(&document(labels), &texts(wanted), &own);
        assert_eq!(of(" \"Linux\"", &["Linux"]), document(" \"linux\""));
        let list = |labels: [&str; 3]| labels.map(|label| format!("\n      - \"{label}\"")).concat();
        let wanted = ["self-hosted", "Linux", "x64"];
        assert_eq!(of(&list(wanted), &wanted), document(&list(["self-hosted", "linux", "X64"])));
        assert_eq!(of(" \"linux\"", &["linux"]), document(" \"linux\""));
        assert_eq!(of(" \"gpu\"", &["gpu"]), document(" \"gpu\""), "one that it does not have stays");
    }
}
