use super::{Ground, Lanes, Turn};
use crate::report::board::Owner;
use crate::report::rows::Chunk;
use domain::{StepRef, Timestamp};
use proptest::prelude::*;

struct Stand {
    lanes: Lanes,
    heard: Vec<(Owner, String)>,
    _folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { lanes: Lanes::new(folder.path().join("x"), 1 << 20), heard: Vec::new(), _folder: folder }
    }

    fn act(&mut self, act: impl FnOnce(&mut Lanes, &mut dyn FnMut(Turn))) {
        let heard = &mut self.heard;
        act(&mut self.lanes, &mut |turn| match turn {
            Turn::Rows(owner, chunk) => heard.push((owner, chunk.text().trim_end().to_owned())),
            Turn::Missing(rows) => heard.push((Owner::Job, format!("{rows} missing"))),
        });
    }

    fn says(&mut self, step: u32, owner: Owner, text: &str) {
        let chunk = Chunk::new(Timestamp(1), format!("{text}\n").into()).unwrap();
        self.act(|lanes, mut turn| lanes.says(StepRef(step), owner, chunk, &mut turn));
    }

    fn ends(&mut self, step: u32) {
        self.act(|lanes, mut turn| lanes.ends(StepRef(step), &mut turn));
    }

    fn texts(&self) -> Vec<&str> {
        self.heard.iter().map(|(_, text)| text.as_str()).collect()
    }
}

#[test]
fn a_background_step_is_heard_after_the_step_that_runs_when_it_ends() {
    let mut stand = Stand::new();
    stand.lanes.begins(StepRef(1), Owner::Step(0), Ground::Back);
    stand.says(1, Owner::Step(0), "a1");
    stand.lanes.begins(StepRef(2), Owner::Step(1), Ground::Fore);
    stand.says(2, Owner::Step(1), "b1");
    stand.says(1, Owner::Step(0), "a2");
    stand.ends(1);
    stand.says(2, Owner::Step(1), "b2");
    assert_eq!(stand.texts(), ["b1", "b2"]);
    stand.ends(2);
    stand.says(3, Owner::Job, "post");
    assert_eq!(stand.texts(), ["b1", "b2", "a1", "a2", "post"]);
}

#[test]
fn what_the_job_says_while_it_waits_comes_after_what_it_waits_for() {
    let mut stand = Stand::new();
    stand.lanes.begins(StepRef(1), Owner::Step(0), Ground::Back);
    stand.says(1, Owner::Step(0), "a1");
    stand.says(2, Owner::Job, "Waiting");
    assert_eq!(stand.texts(), [""; 0]);
    stand.ends(1);
    stand.says(2, Owner::Job, "Waited");
    assert_eq!(stand.texts(), ["a1", "Waiting", "Waited"]);
}

#[test]
fn more_than_fits_into_memory_is_kept_in_a_file() {
    let mut stand = Stand::new();
    stand.lanes.begins(StepRef(1), Owner::Step(0), Ground::Back);
    for line in 0..30_000 {
        stand.says(1, Owner::Step(0), &format!("line {line}"));
    }
    stand.act(|lanes, mut turn| lanes.close(&mut turn));
    assert!(stand.heard.iter().enumerate().all(|(at, (_, text))| *text == format!("line {at}")));
    assert_eq!(stand.heard.len(), 30_000);
}

proptest! {
    /// Steps that run beside each other in any way: everything is heard once, in the order of its step, and a step of the file lies together.
    #[test]
    fn every_step_lies_together(script in prop::collection::vec((0_u32..6, 0_u8..4), 0..80)) {
        let mut stand = Stand::new();
        let mut lives = [0; 6];
        let mut said: Vec<Vec<String>> = vec![Vec::new(); 6];
        // 0 and 1 are in the background, 2 to 4 are parts of one step, 5 is in the foreground after them.
        let place = |step: u32| match step { 0 | 1 => step as usize, 2..=4 => 2, _ => 3 };
        for (step, act) in script {
            let at = step as usize;
            match (lives[at], act) {
                (0, 0) if step < 5 || lives[2..5].iter().all(|life| *life != 1) => {
                    // A part that begins after the next step of the file would be no part.
                    if (2..5).contains(&step) && lives[5] != 0 {
                        continue;
                    }
                    let ground = if step < 2 { Ground::Back } else { Ground::Fore };
                    stand.lanes.begins(StepRef(step), Owner::Step(place(step)), ground);
                    lives[at] = 1;
                }
                (1, 1 | 2) => {
                    let text = format!("{step}:{}", said[at].len());
                    stand.says(step, Owner::Step(place(step)), &text);
                    said[at].push(text);
                }
                (1, 3) => {
                    stand.ends(step);
                    lives[at] = 2;
                }
                _ => {}
            }
        }
        stand.act(|lanes, mut turn| lanes.close(&mut turn));
        for (step, texts) in said.iter().enumerate() {
            let heard: Vec<&str> = stand.texts().into_iter().filter(|text| text.starts_with(&format!("{step}:"))).collect();
            prop_assert_eq!(&heard, texts);
            // Nothing of another step in between.
            let places: Vec<usize> = (0..stand.heard.len()).filter(|at| stand.heard[*at].1.starts_with(&format!("{step}:"))).collect();
            prop_assert!(places.windows(2).all(|two| two[0] + 1 == two[1]), "{:?}", stand.heard);
        }
    }
}
