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
)

type settings struct {
	Issuer       string    `json:"issuer"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	Scope        string    `json:"scope"`
	Nobody       uuid.UUID `json:"nobody"`
}

type token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	Scope       string `json:"scope"`
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

func (s settings) token(scope string) (token, error) {
	body := url.Values{"grant_type": {"client_credentials"}, "resource": {"urn:gatekey:admin"}, "scope": {scope}}
	request, err := http.NewRequest(http.MethodPost, s.Issuer+"oauth/token", strings.NewReader(body.Encode()))
	if err != nil {
		return token{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(s.ClientID, s.ClientSecret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return token{}, err
	}
	defer answer.Body.Close()
	var got token
	return got, json.NewDecoder(answer.Body).Decode(&got)
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
	return step{"answered": status, "type": problem.Type, "title": problem.Title, "status": problem.Status, "detail": problem.Detail}
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

	all, err := s.token(s.Scope)
	if err != nil {
		return err
	}
	say("token", step{"token_type": all.TokenType, "scope": all.Scope})
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

	var sessions []admin.Session
	var after *uuid.UUID
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

	id := sessions[0].Id
	shown, err := api.SessionShowWithResponse(ctx, id)
	if err != nil {
		return err
	}
	if shown.JSON200 == nil {
		return fmt.Errorf("session: %s", shown.Body)
	}
	say("session", step{"id": shown.JSON200.Id, "user_id": shown.JSON200.UserId, "ended_at": optional(shown.JSON200.EndedAt)})

	less, err := s.token("sessions:read")
	if err != nil {
		return err
	}
	reader, err := s.api(less.AccessToken)
	if err != nil {
		return err
	}
	forbidden, err := reader.SessionEndWithResponse(ctx, id)
	if err != nil {
		return err
	}
	say("forbidden", refused(forbidden.StatusCode(), forbidden.ApplicationproblemJSON403))

	ended, err := api.SessionEndWithResponse(ctx, id)
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
