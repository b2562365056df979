import { notFound, redirect } from 'next/navigation';
import { ARRIVALS } from '../../../lib/arrivals';
import { currentUser } from '../../../lib/session';

export default async function Berth({ params }: { params: Promise<{ berth: string }> }) {
  const user = (await currentUser()) ?? redirect('/login');
  const { berth } = await params;
  const { ship, from, due } = ARRIVALS.find((arrival) => arrival.berth === berth) ?? notFound();
  return (
    <section className="card">
      <h1>Berth {berth}</h1>
      <p>
        {ship} from {from}, due at {due}.
      </p>
      <p className="quiet">Rendered for {user.name}.</p>
    </section>
  );
}
