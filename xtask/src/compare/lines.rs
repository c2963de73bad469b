//! Two logs side by side. Pure; called by `compare`.

/// The lines without the time in front of each.
fn plain(log: &str) -> Vec<&str> {
    log.lines().map(|line| line.split_once(' ').map_or(line, |(_, line)| line)).collect()
}

/// What only one of two logs says: `-` the first, `+` the second, in order.
pub(super) fn differences(first: &str, second: &str) -> Vec<String> {
    let (first, second) = (plain(first), plain(second));
    // The longest common part of what follows, for each pair of places.
    let mut common = vec![vec![0_usize; second.len() + 1]; first.len() + 1];
    for left in (0..first.len()).rev() {
        for right in (0..second.len()).rev() {
            common[left][right] = if first[left] == second[right] {
                common[left + 1][right + 1] + 1
            } else {
                common[left + 1][right].max(common[left][right + 1])
            };
        }
    }
    let (mut left, mut right, mut lines) = (0, 0, Vec::new());
    while left < first.len() || right < second.len() {
        let is_same = left < first.len() && right < second.len() && first[left] == second[right];
        if is_same {
            (left, right) = (left + 1, right + 1);
        } else if right == second.len() || left < first.len() && common[left + 1][right] >= common[left][right + 1] {
            lines.push(format!("- {}", first[left]));
            left += 1;
        } else {
            lines.push(format!("+ {}", second[right]));
            right += 1;
        }
    }
    lines
}

/// What the steps themselves said: their lines begin with `say>`.
pub(super) fn of_steps(log: &str) -> Vec<&str> {
    plain(log).into_iter().filter(|line| line.starts_with("say>")).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, of_steps};

    #[test]
    fn what_only_one_says_is_told_in_order() {
        let (first, second) = ("t a\nt b\nt say> x", "u a\nu c\nu say> x\nu d");
        assert_eq!(differences(first, second), ["- b", "+ c", "+ d"]);
        assert_eq!((of_steps(first), of_steps(second)), (vec!["say> x"], vec!["say> x"]));
    }
}
