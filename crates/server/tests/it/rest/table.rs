//! Every route × every token: what the description says of a route is what the guard does (`security` R17, R18, R19).

use super::*;
use serde_json::Value;

/// A path with its places filled in.
fn filled(path: &str, owner: &str, name: &str) -> String {
    let parts = [("{owner}", owner), ("{repo}", name), ("{org}", owner), ("{workflow}", "w.yml"), ("{name}", "NONE")];
    let path = parts.into_iter().fold(path.to_owned(), |path, (part, value)| path.replace(part, value));
    ["{run}", "{job}", "{runner}", "{token}", "{attempt}"].into_iter().fold(path, |path, part| path.replace(part, "77"))
}

#[tokio::test]
async fn no_route_opens_to_who_may_not() {
    let rest = Rest::new().await;
    let git = rest.world.repository.path().to_string_lossy().into_owned();
    let other = NewProject { owner: "acme".to_owned(), name: "shop".to_owned(), git };
    rest.admin.add_project(&other).await.unwrap();
    let text = async |scope: &str, rights: Vec<Right>| {
        let new = NewToken { scope: Some(scope.to_owned()), rights, ..user("table") };
        rest.admin.make_token(&new).await.unwrap().token
    };
    let foreign = text("acme", vec![Right::Admin]).await;
    let project_admin = text("lab/p", vec![Right::Admin]).await;
    let mut singles = Vec::new();
    for right in Right::ALL.into_iter().filter(|right| *right != Right::Admin) {
        singles.push((right, text("instance", vec![right]).await));
    }
    let base = format!("http://{}/api/v1", rest.world.server.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |method: &str, path: &str, token: Option<&str>| {
        let request = http.request(method.to_uppercase().parse().unwrap(), format!("{base}{path}"));
        let request = match token {
            Some(token) => request.header("authorization", format!("token {token}")),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    let document: Value = serde_json::from_str(server::rest::openapi()).unwrap();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(words) = operation["description"].as_str() else { continue };
            // What would change the tokens or places that the next calls use is looked at elsewhere.
            let changes = method == "delete" && path == "/projects/{owner}/{repo}";
            let here = filled(path, "lab", "p");
            let said = format!("{method} {path} ({words})");
            seen += 1;
            if words == "Needs no token." {
                assert_eq!(call(method, &here, None).await, 200, "{said}");
                continue;
            }
            assert_eq!(call(method, &here, None).await, 401, "{said}");
            let Some(needs) =
                words.strip_prefix("Needs ").and_then(|rest| rest.split(' ').next()?.parse::<Right>().ok())
            else {
                continue;
            };
            for (right, token) in &singles {
                // The instance has no `/user` of its own, and what is let in is not done again and again.
                let may = right.holds(needs);
                if may && (changes || path.starts_with("/user/")) {
                    continue;
                }
                let code = call(method, &here, Some(token)).await;
                let shut = if path.starts_with("/user/") { [403, 404].contains(&code) } else { code == 403 };
                assert_eq!(shut, !may, "{said} with {right}: {code}");
            }
            // All rights of another place do not reach this one.
            let scoped = path.contains("{owner}") || path.contains("{org}");
            if scoped {
                assert_eq!(call(method, &here, Some(&foreign)).await, 404, "{said} from another owner");
                let there = filled(path, "acme", "shop");
                assert_eq!(call(method, &there, Some(&project_admin)).await, 404, "{said} from another project");
                let nowhere = filled(path, "nobody", "nothing");
                assert_eq!(call(method, &nowhere, Some(&project_admin)).await, 404, "{said}: not there");
            } else if words.ends_with("on the whole instance.") || path.starts_with("/admin/") {
                assert_eq!(call(method, &here, Some(&project_admin)).await, 403, "{said} from a project");
            }
        }
    }
    assert!(seen > 100, "{seen}");
    rest.end().await;
}
