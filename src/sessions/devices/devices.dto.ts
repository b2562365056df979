import { ApiProperty } from '@nestjs/swagger';

/** A session as its person sees it. */
export class DeviceDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'What the login backend calls the device',
    example: 'Firefox on Linux',
  })
  device!: string | null;
  @ApiProperty({ description: 'The client that it is of', example: 'web' }) clientId!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({
    format: 'date-time',
    description:
      'When it was last refreshed, or opened: the beginning of the day (UTC), or as LAST_USED_PRECISION says',
  })
  lastUsedAt!: string;
  @ApiProperty({ description: 'Whether it is the one that asks' }) current!: boolean;
}

/** A page of one's live sessions, newest first. */
export class DevicesDto {
  @ApiProperty({ type: [DeviceDto] }) sessions!: DeviceDto[];
  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page; null at the end' })
  next!: string | null;
}
