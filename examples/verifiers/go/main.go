// An API in Go, on the standard library alone. accesstoken.go is the file to copy.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	url := setting("RATCHET_URL", "http://localhost:3000")
	issuer := setting("ISSUER", url)
	verifier := &Verifier{
		URL:      url,
		Issuer:   issuer,
		Audience: setting("AUDIENCE", issuer),
		Cooldown: seconds("KEYS_COOLDOWN", "30"),
		Lifespan: seconds("KEYS_LIFESPAN", "300"),
	}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		claims, err := verifier.Verify(token)
		switch {
		case errors.Is(err, ErrKeysUnavailable):
			response.Header().Set("Retry-After", "1")
			answer(response, http.StatusServiceUnavailable, map[string]string{"message": "try again"})
		case err != nil:
			response.Header().Set("WWW-Authenticate", "Bearer")
			answer(response, http.StatusUnauthorized, map[string]string{"message": err.Error()})
		default:
			answer(response, http.StatusOK, map[string]string{"subject": claims.Subject})
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+setting("PORT", "4100"), nil))
}

func answer(response http.ResponseWriter, status int, body map[string]string) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	_ = json.NewEncoder(response).Encode(body)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func seconds(name, otherwise string) time.Duration {
	duration, err := time.ParseDuration(setting(name, otherwise) + "s")
	if err != nil {
		log.Fatal(err)
	}
	return duration
}
