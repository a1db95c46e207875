// A private endpoint for the blobs or the queues of one storage account, and its name in the private zone.

@description('Name of the endpoint.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the storage account.')
param accountId string

@description('Resource id of the subnet.')
param subnetId string

@description('What is reached through it.')
@allowed([
  'blob'
  'queue'
])
param service string = 'blob'

@description('Resource id of the private DNS zone for it.')
param dnsZoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: service
        properties: {
          privateLinkServiceId: accountId
          groupIds: [
            service
          ]
        }
      }
    ]
  }
}

resource dnsGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: service
        properties: {
          privateDnsZoneId: dnsZoneId
        }
      }
    ]
  }
}
