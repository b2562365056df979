{{- define "ratchet.name" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "ratchet.selector" -}}
app.kubernetes.io/name: ratchet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "ratchet.labels" -}}
app.kubernetes.io/name: ratchet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ratchet.image" -}}
{{ required "image.repository: where you have pushed what the Dockerfile builds" .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What the restricted Pod Security Standard asks for, and a root file system that nobody writes to. */}}
{{- define "ratchet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "ratchet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Says what to mend where a setting may not stand among the settings. */}}
{{- define "ratchet.checkSetting" -}}
{{- if has . (list "DATABASE_URL" "REFRESH_TOKEN_KEYS" "SERVICE_KEYS" "ACCESS_TOKEN_PRIVATE_KEY" "ACCESS_TOKEN_SECRET" "LEGACY_BETTER_AUTH_SECRETS" "LEGACY_HYDRA_SECRETS" "LEGACY_JWT_KEYS" "LEGACY_ISSUER_CLIENT_SECRET") }}
{{- fail (printf "settings.%s: is a secret: put it into the Secret, and its name into secret.keys" .) }}
{{- else if eq . "OTEL_EXPORTER_OTLP_HEADERS" }}
{{- fail (printf "settings.%s: is a secret: put it into the Secret, and its name into secret.env" .) }}
{{- else if or (hasSuffix "_FILE" .) (has . (list "HOST" "PORT" "NODE_ENV")) }}
{{- fail (printf "settings.%s: is the chart's own; leave it out" .) }}
{{- end }}
{{- end }}

{{/* A secret as the file that its setting names. */}}
{{- define "ratchet.secretEnv" -}}
- name: {{ . }}_FILE
  value: /run/secrets/ratchet/{{ . }}
{{- end }}

{{/* Where the migration's network policy and its job meet. */}}
{{- define "ratchet.migrationSelector" -}}
app.kubernetes.io/name: ratchet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migration
{{- end }}

{{/* Whom a pod must ask: for names, and the database. */}}
{{- define "ratchet.egress" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
- ports:
    - { port: {{ .Values.networkPolicy.database.port }} }
  {{- with .Values.networkPolicy.database.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* 0440, and the pod's group: the process's user alone could not read what kubelet's owns. */}}
{{- define "ratchet.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ .name }}
    defaultMode: 288
    items:
      {{- range $path, $key := .files }}
      - { key: {{ $key }}, path: {{ $path }} }
      {{- end }}
{{- end }}
