// An application that administers the server with what oapi-codegen makes of the document.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"gatekey-sdk-test/admin"
	"gatekey-sdk-test/protocol"
)

type settings struct {
	Issuer       string    `json:"issuer"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	Scope        string    `json:"scope"`
	Nobody       uuid.UUID `json:"nobody"`
	Callback     string    `json:"callback"`
	SignIn       string    `json:"sign_in"`
}

type step map[string]any

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func say(name string, what step) {
	what["step"] = name
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func open(heard *bufio.Reader, url string) error {
	line, err := json.Marshal(step{"open": url})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	_, err = heard.ReadString('\n')
	return err
}

func (s settings) ask(ctx context.Context, scope string) (*protocol.TokenIssueResponse, error) {
	issuer, err := protocol.NewClientWithResponses(strings.TrimSuffix(s.Issuer, "/"), protocol.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.SetBasicAuth(s.ClientID, s.ClientSecret)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	// Not as a protocol.TokenRequest: what is generated writes a list into a form as `resource[0]`, which no server knows.
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {"urn:gatekey:admin"}, "scope": {scope}}
	return issuer.TokenIssueWithBodyWithResponse(ctx, nil, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (s settings) token(ctx context.Context, scope string) (*protocol.TokenResponse, error) {
	answer, err := s.ask(ctx, scope)
	if err != nil {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, fmt.Errorf("no token: %s", answer.Body)
	}
	return answer.JSON200, nil
}

func (s settings) api(accessToken string) (*admin.ClientWithResponses, error) {
	return admin.NewClientWithResponses(s.Issuer+"admin/api/v1", admin.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+accessToken)
		return nil
	}))
}

// refused is what was said instead of what was asked for.
func refused(status int, problem *admin.Problem) step {
	if problem == nil {
		return step{"answered": status}
	}
	members := []string{}
	if problem.Errors != nil {
		for _, member := range *problem.Errors {
			members = append(members, member.Pointer)
		}
	}
	return step{"answered": status, "type": problem.Type, "title": problem.Title, "status": problem.Status, "detail": problem.Detail, "members": members}
}

func told(user *admin.User) step {
	return step{"id": user.Id, "username": user.Username, "name": user.Profile.Name, "email": user.Profile.Email, "groups": user.Groups, "has_password": user.HasPassword}
}

func optional(moment *time.Time) any {
	if moment == nil {
		return nil
	}
	return moment.Format(time.RFC3339Nano)
}

func run(ctx context.Context) error {
	heard := bufio.NewReader(os.Stdin)
	line, err := heard.ReadBytes('\n')
	if err != nil {
		return err
	}
	var s settings
	if err := json.Unmarshal(line, &s); err != nil {
		return err
	}

	all, err := s.token(ctx, s.Scope)
	if err != nil {
		return err
	}
	say("token", step{"token_type": all.TokenType, "scope": all.Scope})
	none, err := s.ask(ctx, "keys:read")
	if err != nil {
		return err
	}
	if none.JSON400 == nil {
		return fmt.Errorf("it was not refused: %s", none.Body)
	}
	say("no_token", step{"error": none.JSON400.Error})
	api, err := s.api(all.AccessToken)
	if err != nil {
		return err
	}

	server, err := api.ServerShowWithResponse(ctx)
	if err != nil {
		return err
	}
	if server.JSON200 == nil {
		return fmt.Errorf("server: %s", server.Body)
	}
	say("server", step{"version": server.JSON200.Version, "issuer": server.JSON200.Issuer, "database": server.JSON200.Database})

	yes := true
	metadata := admin.ClientMetadata{Name: "Notes", Kind: admin.ClientKindSpa, RedirectUris: &[]string{s.Callback}, FirstParty: &yes}
	registered, err := api.ClientCreateWithResponse(ctx, nil, admin.NewOAuthClient{Id: "notes", Metadata: metadata})
	if err != nil {
		return err
	}
	if registered.JSON201 == nil {
		return fmt.Errorf("creating the client: %s", registered.Body)
	}
	got := registered.JSON201.Client
	say("client_created", step{"id": got.Id, "kind": got.Metadata.Kind, "grant_types": got.Metadata.GrantTypes, "secret": registered.JSON201.ClientSecret})
	twice, err := api.ClientCreateWithResponse(ctx, nil, admin.NewOAuthClient{Id: "notes", Metadata: metadata})
	if err != nil {
		return err
	}
	say("conflict", refused(twice.StatusCode(), twice.ApplicationproblemJSON409))
	elsewhere := metadata
	elsewhere.RedirectUris = &[]string{"http://app.example.com/callback"}
	invalid, err := api.ClientCreateWithResponse(ctx, nil, admin.NewOAuthClient{Id: "other", Metadata: elsewhere})
	if err != nil {
		return err
	}
	say("invalid", refused(invalid.StatusCode(), invalid.ApplicationproblemJSON422))

	name, email, key := "Brenda Example", "brenda@example.com", "brenda, once"
	brenda := admin.UserMetadata{Username: "Brenda", Profile: &admin.UserProfile{Name: &name, Email: &email}, Groups: &[]string{"staff"}}
	made, err := api.UserCreateWithResponse(ctx, &admin.UserCreateParams{IdempotencyKey: &key}, brenda)
	if err != nil {
		return err
	}
	if made.JSON201 == nil {
		return fmt.Errorf("creating the user: %s", made.Body)
	}
	say("user_created", told(made.JSON201))
	again, err := api.UserCreateWithResponse(ctx, &admin.UserCreateParams{IdempotencyKey: &key}, brenda)
	if err != nil {
		return err
	}
	if again.JSON201 == nil {
		return fmt.Errorf("creating the user again: %s", again.Body)
	}
	say("user_again", told(again.JSON201))
	user, err := api.UserShowWithResponse(ctx, made.JSON201.Id)
	if err != nil {
		return err
	}
	if user.JSON200 == nil {
		return fmt.Errorf("the user: %s", user.Body)
	}
	say("user", told(user.JSON200))
	namesake, err := api.UserCreateWithResponse(ctx, nil, brenda)
	if err != nil {
		return err
	}
	say("user_conflict", refused(namesake.StatusCode(), namesake.ApplicationproblemJSON409))

	read, err := api.ClientShowWithResponse(ctx, "notes")
	if err != nil {
		return err
	}
	if read.JSON200 == nil {
		return fmt.Errorf("the client: %s", read.Body)
	}
	tag := read.HTTPResponse.Header.Get("ETag")
	changed := read.JSON200.Metadata
	changed.Name = "Notebook"
	renamed, err := api.ClientReplaceWithResponse(ctx, "notes", &admin.ClientReplaceParams{IfMatch: &tag}, changed)
	if err != nil {
		return err
	}
	if renamed.JSON200 == nil {
		return fmt.Errorf("replacing the client: %s", renamed.Body)
	}
	say("client_replaced", step{"name": renamed.JSON200.Metadata.Name, "redirect_uris": renamed.JSON200.Metadata.RedirectUris})
	stale, err := api.ClientReplaceWithResponse(ctx, "notes", &admin.ClientReplaceParams{IfMatch: &tag}, metadata)
	if err != nil {
		return err
	}
	say("stale", refused(stale.StatusCode(), stale.ApplicationproblemJSON412))

	rules, err := api.LifetimeRuleListWithResponse(ctx)
	if err != nil {
		return err
	}
	id, idle := "notes", "PT10M"
	ofRules := rules.HTTPResponse.Header.Get("ETag")
	change := admin.RuleChange{Selector: admin.LifetimeSelector{Client: &id}, Limits: admin.Limits{SessionIdle: &idle}}
	put, err := api.LifetimeRulePutWithResponse(ctx, &admin.LifetimeRulePutParams{IfMatch: &ofRules}, change)
	if err != nil {
		return err
	}
	if put.JSON200 == nil {
		return fmt.Errorf("setting the rule: %s", put.Body)
	}
	say("rule", step{"client": put.JSON200.Selector.Client, "session_idle": put.JSON200.Limits.SessionIdle})
	explained, err := api.LifetimeExplainWithResponse(ctx, admin.LifetimeQuestion{Client: &id})
	if err != nil {
		return err
	}
	if explained.JSON200 == nil {
		return fmt.Errorf("explaining: %s", explained.Body)
	}
	for _, limit := range explained.JSON200.Limits {
		if limit.Limit != admin.LimitNameSessionIdle {
			continue
		}
		candidates := []step{}
		for _, one := range limit.Candidates {
			candidate := step{"source": one.Source, "client": nil, "value": one.Value}
			if one.Selector != nil {
				candidate["client"] = one.Selector.Client
			}
			candidates = append(candidates, candidate)
		}
		say("explained", step{"value": limit.Value, "candidates": candidates})
	}

	for range 2 {
		if err := open(heard, s.SignIn); err != nil {
			return err
		}
	}

	var sessions []admin.Session
	var after *string
	pages := 0
	one := uint32(1)
	for {
		page, err := api.SessionListWithResponse(ctx, &admin.SessionListParams{Limit: &one, After: after})
		if err != nil {
			return err
		}
		if page.JSON200 == nil {
			return fmt.Errorf("sessions: %s", page.Body)
		}
		sessions = append(sessions, page.JSON200.Items...)
		pages++
		if after = page.JSON200.Next; after == nil {
			break
		}
	}
	items := []step{}
	for _, session := range sessions {
		items = append(items, step{"id": session.Id, "user_id": session.UserId, "created_at": optional(&session.CreatedAt), "remembered": session.Remembered})
	}
	say("sessions", step{"pages": pages, "items": items})

	first := sessions[0].Id
	shown, err := api.SessionShowWithResponse(ctx, first)
	if err != nil {
		return err
	}
	if shown.JSON200 == nil {
		return fmt.Errorf("session: %s", shown.Body)
	}
	say("session", step{"id": shown.JSON200.Id, "user_id": shown.JSON200.UserId, "ended_at": optional(shown.JSON200.EndedAt)})

	less, err := s.token(ctx, "sessions:read")
	if err != nil {
		return err
	}
	reader, err := s.api(less.AccessToken)
	if err != nil {
		return err
	}
	forbidden, err := reader.SessionEndWithResponse(ctx, first)
	if err != nil {
		return err
	}
	say("forbidden", refused(forbidden.StatusCode(), forbidden.ApplicationproblemJSON403))

	ended, err := api.SessionEndWithResponse(ctx, first)
	if err != nil {
		return err
	}
	if ended.JSON200 == nil {
		return fmt.Errorf("ending the session: %s", ended.Body)
	}
	say("ended", step{"id": ended.JSON200.Id, "ended_at": optional(ended.JSON200.EndedAt), "end_reason": ended.JSON200.EndReason})

	missing, err := api.SessionShowWithResponse(ctx, s.Nobody)
	if err != nil {
		return err
	}
	say("not_found", refused(missing.StatusCode(), missing.ApplicationproblemJSON404))
	return nil
}
