import { currentUser } from '../../../lib/session';

/** For scripts in the page: they call this app, and never see a token. */
export async function GET() {
  const user = await currentUser();
  if (!user) return Response.json({ message: 'Sign in, please.' }, { status: 401 });
  return Response.json({ name: user.name, sid: user.sid });
}
