package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ErrInvalid says that a token is no good access token: answer 401.
var ErrInvalid = errors.New("no good access token")

// ErrKeysUnavailable says that the keys cannot be had just now, which says nothing of the token: answer 503.
var ErrKeysUnavailable = errors.New("no keys")

// leeway is for clocks that differ.
const leeway = 5 * time.Second

// Claims are those of an access token (RFC 9068) that every one has, and Raw is all of them.
type Claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience audience        `json:"aud"`
	Expires  float64         `json:"exp"`
	Bound    json.RawMessage `json:"cnf"`
	Raw      json.RawMessage `json:"-"`
}

// audience is a string or a list of them (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

func (a audience) has(wanted string) bool {
	for _, one := range a {
		if one == wanted {
			return true
		}
	}
	return false
}

// Verifier verifies access tokens of the service at URL.
type Verifier struct {
	URL      string
	Issuer   string        // the service's ISSUER, to the letter
	Audience string        // the service's AUDIENCE, or what the sessions are opened with
	Cooldown time.Duration // from one question for the keys to the next
	Lifespan time.Duration // until keys are asked for again

	mutex     sync.Mutex
	keys      map[string]*ecdsa.PublicKey
	fetchedAt time.Time
	askedAt   time.Time
}

// Verify gives the claims of a good access token, or ErrInvalid, or ErrKeysUnavailable.
func (v *Verifier) Verify(token string) (*Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, ErrInvalid
	}
	var header struct {
		Algorithm string          `json:"alg"`
		Type      string          `json:"typ"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if decode(parts[0], &header) != nil || header.Algorithm != "ES256" || header.Type != "at+jwt" || header.Critical != nil {
		return nil, ErrInvalid
	}
	key, err := v.key(header.KeyID)
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, ErrInvalid
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return nil, ErrInvalid
	}

	var claims Claims
	if decode(parts[1], &claims) != nil || decode(parts[1], &claims.Raw) != nil {
		return nil, ErrInvalid
	}
	isLive := time.Now().Add(-leeway).Unix() < int64(claims.Expires)
	// Bound to a key (RFC 9449): without a proof of that key, it may have been stolen.
	if claims.Issuer != v.Issuer || !claims.Audience.has(v.Audience) || claims.Subject == "" || !isLive || claims.Bound != nil {
		return nil, ErrInvalid
	}
	return &claims, nil
}

// key asks for the keys if it does not know this one or they are old, but not before the cool-down has passed: whoever
// invents key ids must not make it ask without end. While the service is down it goes on with the keys that it has.
func (v *Verifier) key(id string) (*ecdsa.PublicKey, error) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	now := time.Now()
	cooldown := v.Cooldown
	if v.keys == nil && cooldown > time.Second {
		cooldown = time.Second
	}
	key, isKnown := v.keys[id]
	if (!isKnown || now.Sub(v.fetchedAt) >= v.Lifespan) && now.Sub(v.askedAt) >= cooldown {
		v.askedAt = now
		if keys, err := fetchKeys(v.URL + "/.well-known/jwks.json"); err == nil {
			v.keys, v.fetchedAt = keys, now
		}
		key, isKnown = v.keys[id]
	}
	if v.keys == nil {
		return nil, ErrKeysUnavailable
	}
	if !isKnown {
		return nil, ErrInvalid
	}
	return key, nil
}

func fetchKeys(url string) (map[string]*ecdsa.PublicKey, error) {
	client := http.Client{Timeout: 3 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	var set struct {
		Keys []struct {
			KeyID string `json:"kid"`
			Type  string `json:"kty"`
			Curve string `json:"crv"`
			X     string `json:"x"`
			Y     string `json:"y"`
		} `json:"keys"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, jwk := range set.Keys {
		x, xErr := base64.RawURLEncoding.DecodeString(jwk.X)
		y, yErr := base64.RawURLEncoding.DecodeString(jwk.Y)
		if jwk.Type != "EC" || jwk.Curve != "P-256" || xErr != nil || yErr != nil {
			continue
		}
		key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
		if key.Curve.IsOnCurve(key.X, key.Y) {
			keys[jwk.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no ES256 keys")
	}
	return keys, nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
