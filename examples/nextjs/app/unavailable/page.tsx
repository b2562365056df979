/** Shown in place of the page that was asked for, at its URL, which is asked for again after Retry-After. */
export default async function NotNow({ searchParams }: { searchParams: Promise<{ again?: string }> }) {
  const seconds = Math.max(1, Math.floor(Number((await searchParams).again)) || 1);
  return (
    <main className="centre">
      <meta httpEquiv="refresh" content={String(seconds)} />
      <p className="brand">Harbour office</p>
      <p>The sign-in service does not answer just now. You stay signed in.</p>
      <p className="quiet">
        Trying again in {seconds} {seconds === 1 ? 'second' : 'seconds'}.
      </p>
    </main>
  );
}
