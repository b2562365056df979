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
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ratchet.image" -}}
{{ required "image.repository: where you have pushed what the Dockerfile builds" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
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

{{/* A secret as the file that its setting names. */}}
{{- define "ratchet.secretEnv" -}}
- name: {{ . }}_FILE
  value: /run/secrets/ratchet/{{ . }}
{{- end }}

{{/* 0440, and the pod's group: the process's user alone could not read what kubelet's owns. */}}
{{- define "ratchet.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ .name }}
    defaultMode: 288
    items:
      {{- range .keys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}
