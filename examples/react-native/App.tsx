// A sign-in, a dashboard, and what happens. `config` says where the service and the backend are.
import * as SecureStore from 'expo-secure-store';
import { useCallback, useEffect, useRef, useState } from 'react';
import {
  ActivityIndicator,
  AppState,
  Pressable,
  ScrollView,
  StyleSheet,
  Text,
  TextInput,
  useColorScheme,
  View,
} from 'react-native';
import { config } from './config';
import { Session, SignedOut, Unavailable } from './session';

const session = new Session({ url: config.ratchetUrl, apis: [config.backendUrl], storage: SecureStore });

type Screen = 'starting' | 'sign-in' | 'dashboard';

interface Arrival {
  ship: string;
  from: string;
  berth: string;
  due: string;
}

export default function App() {
  const [screen, setScreen] = useState<Screen>('starting');
  const [said, say] = useState('');
  const [arrivals, setArrivals] = useState<Arrival[]>([]);
  const [notes, setNotes] = useState<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const colors = useColorScheme() === 'dark' ? dark : light;

  /** Loads the dashboard, and again until there is an answer; only who has no session comes to the sign-in. */
  const load = useCallback(async () => {
    try {
      const response = await session.fetch(`${config.backendUrl}/api/arrivals`);
      if (!response.ok) throw new Unavailable(`The harbour answered ${response.status}`);
      setArrivals(((await response.json()) as { arrivals: Arrival[] }).arrivals);
      setScreen('dashboard');
      say('');
    } catch (error) {
      if (error instanceof SignedOut) {
        setScreen('sign-in');
        return;
      }
      const wait = error instanceof Unavailable ? error.wait : 1_000;
      say(`You stay signed in. Trying again in ${Math.ceil(wait / 1_000)} s.`);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void load(), wait);
    }
  }, []);

  useEffect(() => {
    session.onChange = () => setScreen(session.claims ? 'dashboard' : 'sign-in');
    session.onNote = (text) =>
      setNotes((before) => [`${new Date().toLocaleTimeString()} ${text}`, ...before].slice(0, 20));
    void load();
    // Timers stand still while an app is in the background: whoever comes back is looked after when they do.
    const listener = AppState.addEventListener('change', (state) => {
      if (state === 'active' && session.claims) void load();
    });
    return () => {
      listener.remove();
      clearTimeout(timer.current);
    };
  }, [load]);

  async function signIn(name: string, password: string) {
    say('');
    try {
      const response = await fetch(`${config.backendUrl}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name, password }),
      });
      const body = await response.json();
      if (!response.ok) return say(body.message);
      await session.signedIn(body);
      await load();
    } catch {
      say('Nobody can sign in just now. Please try again shortly.');
    }
  }

  async function signOut() {
    const isEnded = await session.signOut();
    setArrivals([]);
    say(
      isEnded
        ? ''
        : 'Signed out here. The service could not be told: end the session elsewhere if the phone is lost.',
    );
  }

  return (
    <ScrollView style={{ backgroundColor: colors.ground }} contentContainerStyle={styles.page}>
      <Text style={[styles.brand, { color: colors.accent }]}>Harbour office</Text>
      {screen === 'starting' && <ActivityIndicator />}
      {screen === 'sign-in' && <SignIn colors={colors} signIn={signIn} />}
      {screen === 'dashboard' && (
        <View style={[styles.card, { backgroundColor: colors.card, borderColor: colors.line }]}>
          <Text style={[styles.title, { color: colors.text }]}>Arrivals today</Text>
          {arrivals.map(({ ship, from, berth, due }) => (
            <Text key={ship} style={{ color: colors.text }}>
              {due} {ship} from {from}, berth {berth}
            </Text>
          ))}
          <Text style={{ color: colors.quiet }}>Signed in as {String(session.claims?.['name'])}</Text>
          <Button colors={colors} label="Load again" onPress={load} />
          <Button colors={colors} label="Sign out" onPress={signOut} />
        </View>
      )}
      <Text accessibilityRole="alert" style={{ color: colors.quiet }}>
        {said}
      </Text>
      {notes.length > 0 && (
        <View style={[styles.card, { backgroundColor: colors.card, borderColor: colors.line }]}>
          <Text style={[styles.title, { color: colors.text }]}>What happens</Text>
          {notes.map((note, at) => (
            <Text key={notes.length - at} style={{ color: colors.quiet }}>
              {note}
            </Text>
          ))}
        </View>
      )}
    </ScrollView>
  );
}

function SignIn({
  colors,
  signIn,
}: {
  colors: Colors;
  signIn(name: string, password: string): Promise<void>;
}) {
  const [name, setName] = useState('ada');
  const [password, setPassword] = useState('lovelace');
  const input = [
    styles.input,
    { color: colors.text, borderColor: colors.line, backgroundColor: colors.ground },
  ];
  return (
    <View style={[styles.card, { backgroundColor: colors.card, borderColor: colors.line }]}>
      <TextInput
        style={input}
        value={name}
        onChangeText={setName}
        accessibilityLabel="Name"
        autoCapitalize="none"
      />
      <TextInput
        style={input}
        value={password}
        onChangeText={setPassword}
        accessibilityLabel="Password"
        secureTextEntry
      />
      <Button colors={colors} label="Sign in" onPress={() => signIn(name, password)} />
    </View>
  );
}

function Button({ colors, label, onPress }: { colors: Colors; label: string; onPress(): Promise<void> }) {
  const [isBusy, setBusy] = useState(false);
  const press = () => {
    setBusy(true);
    void onPress().finally(() => setBusy(false));
  };
  return (
    <Pressable
      accessibilityRole="button"
      disabled={isBusy}
      onPress={press}
      style={[styles.button, { backgroundColor: colors.accent, opacity: isBusy ? 0.6 : 1 }]}
    >
      <Text style={{ color: colors.onAccent }}>{label}</Text>
    </Pressable>
  );
}

const light = {
  ...{ ground: '#eef1f4', card: '#ffffff', line: '#d5dbe2', text: '#1b2530', quiet: '#566473' },
  ...{ accent: '#0b5c8a', onAccent: '#ffffff' },
};
const dark = {
  ...{ ground: '#10161d', card: '#18212b', line: '#2b3744', text: '#e4e9ee', quiet: '#96a4b3' },
  ...{ accent: '#6fb9e6', onAccent: '#0c1720' },
};
type Colors = typeof light;

const styles = StyleSheet.create({
  page: { flexGrow: 1, padding: 24, gap: 16 },
  brand: { fontSize: 20, fontWeight: '600' },
  card: { borderWidth: 1, borderRadius: 12, padding: 20, gap: 10 },
  title: { fontSize: 17, fontWeight: '600' },
  input: { borderWidth: 1, borderRadius: 8, padding: 12, fontSize: 16 },
  button: { borderRadius: 8, padding: 12, alignItems: 'center' },
});
